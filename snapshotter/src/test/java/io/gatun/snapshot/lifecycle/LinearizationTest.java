package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.driver.DriverSetting;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Whether outcomes that cannot be are told from those that can. */
class LinearizationTest {

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final Outcome DONE = new Outcome.Answer("done");
  private static final String BUSY =
      "cannot remove snapshot base now: another one is being made on top of it";

  private final ModelSnapshotter start = new ModelSnapshotter();

  LinearizationTest() {
    start.prepare("a", "", NO_LABELS);
    start.commit("base", "a", "", NO_LABELS);
  }

  private Optional<ModelSnapshotter> find(Call... calls) {
    return Linearization.find(DriverSetting.NATIVE, start, List.of(calls));
  }

  private static Outcome refusal(Class<? extends SnapshotException> kind) {
    return new Outcome.Refusal(kind, "refused");
  }

  private static Outcome mounted(String access) {
    return new Outcome.Answer(
        List.of(Mount.ofRoot("bind", "/root/snapshots/2/fs", List.of(access, "rbind"))));
  }

  private static Call prepare(Outcome outcome, long begin, long end) {
    return new Call(0, new Operation.Prepare("key", "base", NO_LABELS), outcome, begin, end);
  }

  private static Call remove(String key, Outcome outcome, long begin, long end) {
    return new Call(1, new Operation.Remove(key), outcome, begin, end);
  }

  @Test
  void ofTwoWhoWantAKeyOneGetsIt() {
    Outcome taken = refusal(SnapshotException.AlreadyExists.class);
    assertThat(find(prepare(taken, 1, 3), prepare(mounted("rw"), 2, 4))).isPresent();
    assertThat(find(prepare(mounted("rw"), 1, 3), prepare(mounted("rw"), 2, 4))).isEmpty();
    assertThat(find(prepare(taken, 1, 3), prepare(taken, 2, 4))).isEmpty();
  }

  @Test
  void whatIsOverComesFirst() {
    Outcome taken = refusal(SnapshotException.AlreadyExists.class);
    assertThat(find(prepare(taken, 1, 2), prepare(mounted("rw"), 3, 4))).isEmpty();
    assertThat(find(prepare(mounted("rw"), 1, 2), prepare(taken, 3, 4))).isPresent();
  }

  @Test
  void parentIsEitherThereOrNot() {
    Outcome missing = refusal(SnapshotException.NotFound.class);
    assertThat(find(prepare(missing, 1, 4), remove("base", DONE, 2, 3))).isPresent();
    assertThat(find(prepare(mounted("rw"), 1, 4), remove("base", DONE, 2, 3))).isEmpty();
    assertThat(
            find(
                prepare(mounted("rw"), 1, 4),
                remove("base", refusal(SnapshotException.FailedPrecondition.class), 2, 3)))
        .isPresent();
  }

  @Test
  void answerHasToBeThatOfTheModel() {
    assertThat(find(prepare(mounted("ro"), 1, 2))).isEmpty();
    SnapshotInfo info = start.stat("base");
    SnapshotInfo other =
        new SnapshotInfo(
            info.kind(), info.name(), "a", info.labels(), info.created(), info.updated());
    Operation.Request stat = new Operation.Stat("base");
    assertThat(find(new Call(0, stat, new Outcome.Answer(info), 1, 2))).isPresent();
    assertThat(find(new Call(0, stat, new Outcome.Answer(other), 1, 2))).isEmpty();
  }

  @Test
  void parentOfASnapshotInTheMakingMayBeBusyThoughNothingComesOfIt() {
    Outcome busy = new Outcome.Refusal(SnapshotException.FailedPrecondition.class, BUSY);
    Outcome failed = refusal(SnapshotException.AlreadyExists.class);
    start.prepare("key", "", NO_LABELS);
    assertThat(find(prepare(failed, 1, 3), remove("base", busy, 2, 4))).isPresent();
    assertThat(find(prepare(failed, 1, 2), remove("base", busy, 3, 4))).isEmpty();
    assertThat(
            find(
                prepare(failed, 1, 3),
                remove("base", refusal(SnapshotException.FailedPrecondition.class), 2, 4)))
        .isEmpty();
  }

  @Test
  void stateIsThatAfterAllCalls() {
    assertThat(find(prepare(mounted("rw"), 1, 2), remove("key", DONE, 3, 4)))
        .hasValueSatisfying(after -> assertThat(after.entries).containsOnlyKeys("base"));
    assertThat(find(prepare(mounted("rw"), 1, 2)))
        .hasValueSatisfying(after -> assertThat(after.entries).containsOnlyKeys("base", "key"));
    assertThat(start.entries).containsOnlyKeys("base");
  }
}
