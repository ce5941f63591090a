package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.DriverSetting;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Explains what came of requests that were made at the same time: looks for an order in which the
 * model, asked one after the other, answers the same. What was over before something else began
 * comes before it.
 *
 * <p>There is one answer that no order explains: a snapshot is not removed while another is being
 * made on top of it, even if nothing comes of that.
 */
final class Linearization {

  /** How Gatun says that it does not wait. */
  private static final String BUSY = " now: another one is being made on top of it";

  private final DriverSetting driver;

  /** Which states were reached with which calls, in vain. */
  private final Set<List<Object>> visited = new HashSet<>();

  private Linearization(DriverSetting driver) {
    this.driver = driver;
  }

  /** {@return the state after all the calls, if there is an explanation for them} */
  static Optional<ModelSnapshotter> find(
      DriverSetting driver, ModelSnapshotter start, List<Call> calls) {
    List<Call> toExplain = calls.stream().filter(call -> !isBusy(call, calls)).toList();
    return new Linearization(driver).from(start, toExplain);
  }

  private static boolean isBusy(Call call, List<Call> calls) {
    return call.request() instanceof Operation.Remove(String key)
        && call.outcome() instanceof Outcome.Refusal refusal
        && refusal.kind() == SnapshotException.FailedPrecondition.class
        && refusal.message().endsWith(BUSY)
        && calls.stream().anyMatch(other -> other.overlaps(call) && isParent(key, other));
  }

  private static boolean isParent(String key, Call call) {
    return switch (call.request()) {
      case Operation.Prepare prepare -> prepare.parent().equals(key);
      case Operation.View view -> view.parent().equals(key);
      case Operation.Commit commit -> commit.parent().equals(key);
      case Operation.Request _ -> false;
    };
  }

  private Optional<ModelSnapshotter> from(ModelSnapshotter state, List<Call> left) {
    if (left.isEmpty()) {
      return Optional.of(state);
    }
    if (!visited.add(List.of(left, Comparison.withoutTimes(state.infos())))) {
      return Optional.empty();
    }
    for (Call next : left) {
      if (left.stream().noneMatch(other -> other.precedes(next))) {
        ModelSnapshotter after = state.copy();
        if (agrees(next, Outcome.of(() -> next.request().on(after)))) {
          List<Call> rest = new ArrayList<>(left);
          rest.remove(next);
          Optional<ModelSnapshotter> found = from(after, rest);
          if (found.isPresent()) {
            return found;
          }
        }
      }
    }
    return Optional.empty();
  }

  private boolean agrees(Call call, Outcome expected) {
    return switch (expected) {
      case Outcome.Refusal refusal ->
          call.outcome() instanceof Outcome.Refusal actual && actual.kind() == refusal.kind();
      case Outcome.Answer answer ->
          call.outcome() instanceof Outcome.Answer actual
              && agrees(call.request(), answer.value(), actual.value());
    };
  }

  private boolean agrees(Operation.Request request, Object expected, Object actual) {
    return switch (request) {
      case Operation.Prepare _, Operation.View _, Operation.Mounts _ ->
          agree((Mount) ((List<?>) expected).getFirst(), (Mount) ((List<?>) actual).getFirst());
      case Operation.Stat _, Operation.Update _ -> infosAgree(List.of(expected), List.of(actual));
      case Operation.ListAll _ -> infosAgree((List<?>) expected, (List<?>) actual);
      case Operation.Commit _, Operation.Remove _, Operation.UsageOf _, Operation.Cleanup _ -> true;
    };
  }

  private static boolean infosAgree(List<?> expected, List<?> actual) {
    return Comparison.withoutTimes(expected).equals(Comparison.withoutTimes(actual));
  }

  /** A mount of the model has the kind for its type and the chain for its options. */
  private boolean agree(Mount expected, Mount actual) {
    Layers layers = Layers.of(actual);
    boolean isActive = expected.type().equals(Kind.ACTIVE.filterName());
    int depth = expected.options().size();
    int own = isActive || depth == 0 ? 1 : 0;
    return layers.upper().isPresent() == isActive
        && layers.stack().size() == (driver == DriverSetting.NATIVE ? 1 : own + depth);
  }
}
