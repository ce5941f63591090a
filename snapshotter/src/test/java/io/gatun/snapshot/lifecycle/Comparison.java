package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Does the same to the model and to the subject, and fails at the first difference.
 *
 * <p>After every step the answers are compared, then all that List shows, then when times have
 * changed, then whatever the subject can check by itself.
 */
final class Comparison {

  private final Subject subject;
  private final Names names;
  private final ModelSnapshotter model;
  private final ModelFiles files = new ModelFiles();

  /** How often which operation had which outcome. */
  private final Map<String, Integer> outcomes = new TreeMap<>();

  private Map<String, SnapshotInfo> modelBefore = Map.of();
  private Map<String, SnapshotInfo> subjectBefore = Map.of();

  private int steps;

  Comparison(Subject subject) {
    this(subject, Names.of(0));
  }

  Comparison(Subject subject, Names names) {
    this.subject = subject;
    this.names = names;
    this.model = new ModelSnapshotter(subject.canRebase());
  }

  /** Runs a sequence from where the last one ended. */
  void run(List<? extends Operation> operations) {
    List<String> done = new ArrayList<>();
    for (Operation drawn : operations) {
      Operation operation = drawn.renamed(name -> names.resolve(name, model));
      done.add(operation.toString());
      try {
        step(operation);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(
            "step %d of %d: %s%nin%n  %s"
                .formatted(
                    done.size(), operations.size(), e.getMessage(), String.join("\n  ", done)),
            e);
      }
    }
  }

  Map<String, Integer> outcomes() {
    return outcomes;
  }

  private void step(Operation operation) {
    steps++;
    Instant start = Instant.now();
    switch (operation) {
      case Operation.Restart restart -> subject.restart();
      case Operation.Write write -> write(write);
      case Operation.Request request -> request(request);
    }
    compareStates(start, Instant.now());
    subject.checkInvariants(operation, model, files);
  }

  private void write(Operation.Write write) {
    ModelSnapshotter.Entry entry = model.entries.get(write.key());
    if (entry != null && entry.kind() == Kind.ACTIVE) {
      // No two writes are the same, so that it shows which of them is seen.
      String content = write.file() + " in step " + steps;
      subject.write(write.key(), write.file(), content);
      files.write(write.key(), write.file(), content);
    }
  }

  private void request(Operation.Request request) {
    Outcome expected = Outcome.of(() -> request.on(model));
    Outcome actual = Outcome.of(() -> request.on(subject.snapshotter()));
    count(request, expected);
    switch (expected) {
      case Outcome.Refusal refusal -> compareRefusals(request, refusal, actual);
      case Outcome.Answer answer -> {
        if (actual instanceof Outcome.Answer(Object value)) {
          compareAnswers(request, answer.value(), value);
        } else {
          fail("expected %s but was %s", answer, actual);
        }
      }
    }
  }

  private void count(Operation.Request request, Outcome outcome) {
    String shown =
        switch (outcome) {
          case Outcome.Answer answer -> "answer";
          case Outcome.Refusal refusal -> refusal.kind().getSimpleName();
        };
    outcomes.merge(request.getClass().getSimpleName() + " " + shown, 1, Integer::sum);
  }

  private static void compareRefusals(
      Operation.Request request, Outcome.Refusal expected, Outcome actual) {
    if (!(actual instanceof Outcome.Refusal refusal) || refusal.kind() != expected.kind()) {
      fail("expected %s but was %s", expected, actual);
      return;
    }
    if (refusal.kind() == SnapshotException.FailedPrecondition.class) {
      // containerd reads these endings as errors of other kinds.
      assertThat(refusal.message()).doesNotEndWith(": conflict").doesNotEndWith(": not modified");
      if (request instanceof Operation.Remove) {
        assertThat(refusal.message()).contains("remove");
      }
    }
  }

  private void compareAnswers(Operation.Request request, Object expected, Object actual) {
    switch (request) {
      case Operation.Prepare prepare -> compareMounts(expected, actual);
      case Operation.View view -> compareMounts(expected, actual);
      case Operation.Mounts mounts -> compareMounts(expected, actual);
      case Operation.Stat stat -> compareInfos(List.of(expected), List.of(actual));
      case Operation.Update update -> compareInfos(List.of(expected), List.of(actual));
      case Operation.ListAll list -> compareInfos((List<?>) expected, (List<?>) actual);
      case Operation.UsageOf usage -> subject.checkUsage((Usage) actual, usage.key(), model, files);
      case Operation.Commit commit -> files.rename(commit.key(), commit.name());
      case Operation.Remove remove -> files.remove(remove.key());
      case Operation.Cleanup cleanup -> {}
    }
  }

  private void compareMounts(Object expected, Object actual) {
    subject.checkMounts(mounts(actual), mounts(expected));
  }

  private static List<Mount> mounts(Object answer) {
    return ((List<?>) answer).stream().map(Mount.class::cast).toList();
  }

  /**
   * An answer has to be what the subject itself lists, and that is compared with the model after
   * each step.
   */
  private void compareInfos(List<?> expected, List<?> actual) {
    Map<String, SnapshotInfo> listed = list(subject.snapshotter());
    assertThat(actual).allSatisfy(info -> assertThat(listed).containsValue((SnapshotInfo) info));
    assertThat(withoutTimes(actual)).isEqualTo(withoutTimes(expected));
  }

  private void compareStates(Instant start, Instant end) {
    Map<String, SnapshotInfo> modelNow = list(model);
    Map<String, SnapshotInfo> subjectNow = list(subject.snapshotter());
    assertThat(withoutTimes(List.copyOf(subjectNow.values())))
        .isEqualTo(withoutTimes(List.copyOf(modelNow.values())));
    modelNow.forEach(
        (name, expected) -> {
          SnapshotInfo expectedBefore = modelBefore.get(name);
          SnapshotInfo actualBefore = subjectBefore.get(name);
          SnapshotInfo actual = subjectNow.get(name);
          if (expectedBefore == null || actualBefore == null || actual == null) {
            requireBetween(start, actual == null ? Instant.MIN : actual.created(), end);
            requireBetween(start, actual == null ? Instant.MIN : actual.updated(), end);
          } else {
            requireSameChange(
                start,
                end,
                expectedBefore.created().equals(expected.created()),
                actualBefore.created(),
                actual.created());
            requireSameChange(
                start,
                end,
                expectedBefore.updated().equals(expected.updated()),
                actualBefore.updated(),
                actual.updated());
          }
          assertThat(actual != null && actual.created().equals(actual.updated()))
              .as("created and updated of %s are the same: %s", name, actual)
              .isEqualTo(expected.created().equals(expected.updated()));
        });
    modelBefore = modelNow;
    subjectBefore = subjectNow;
  }

  private static void requireSameChange(
      Instant start, Instant end, boolean unchanged, Instant before, Instant now) {
    if (unchanged) {
      assertThat(now).isEqualTo(before);
    } else {
      requireBetween(start, now, end);
    }
  }

  private static void requireBetween(Instant start, Instant time, Instant end) {
    assertThat(time).isBetween(start, end);
  }

  static Map<String, SnapshotInfo> list(Snapshotter snapshotter) {
    Map<String, SnapshotInfo> infos = new HashMap<>();
    snapshotter.list(
        List.of(), info -> assertThat(infos.put(info.name(), info)).as("listed twice").isNull());
    return infos;
  }

  /** {@return the same in a fixed order, and as if all was done at one time} */
  static List<SnapshotInfo> withoutTimes(List<?> infos) {
    return infos.stream()
        .map(SnapshotInfo.class::cast)
        .map(
            info ->
                new SnapshotInfo(
                    info.kind(),
                    info.name(),
                    info.parent(),
                    info.labels(),
                    Instant.EPOCH,
                    Instant.EPOCH))
        .sorted(Comparator.comparing(SnapshotInfo::name))
        .toList();
  }
}
