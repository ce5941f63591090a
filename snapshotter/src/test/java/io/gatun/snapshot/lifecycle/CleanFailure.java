package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.fault.LayerSyncs;
import java.util.List;
import java.util.Set;

/** What a request may answer when a call of the kernel has failed. */
final class CleanFailure {

  /** What comes back by itself; everything else is a failure of the disk. */
  private static final Set<String> EXHAUSTION = Set.of("ENOSPC", "EDQUOT", "EMFILE", "ENOMEM");

  private CleanFailure() {}

  /**
   * Fails unless the answer tells what has gone wrong.
   *
   * @param fault the effect that was failed
   */
  static void require(Operation.Request request, String fault, Outcome.Refusal refusal) {
    if (LayerSyncs.isOne(fault) && request instanceof Operation.Commit) {
      requireNoCommit(refusal);
      return;
    }
    String message = refusal.message();
    boolean isExhaustion = EXHAUSTION.stream().anyMatch(message::contains);
    Class<? extends SnapshotException> usual =
        !isExhaustion
            ? SnapshotException.StorageFailure.class
            : request instanceof Operation.Remove
                ? SnapshotException.FailedPrecondition.class
                : SnapshotException.ResourceExhausted.class;
    boolean isLayerLost = LayerSyncs.isOne(fault);
    assertThat(refusal.kind())
        .as("what %s is answered with after %s: %s", request, fault, message)
        .isIn(
            usual,
            SnapshotException.Unavailable.class,
            isLayerLost ? SnapshotException.StorageFailure.class : usual);
    assertThat(message)
        .as("what has failed after %s", fault)
        .containsPattern("E[A-Z]{2,}")
        .contains(subject(request));
  }

  /** {@return the operation and the name that a message has to be about} */
  private static List<String> subject(Operation.Request request) {
    return switch (request) {
      case Operation.Prepare prepare -> List.of("prepare", prepare.key());
      case Operation.View view -> List.of("view", view.key());
      case Operation.Mounts mounts -> List.of("mounts", mounts.key());
      case Operation.Commit commit -> List.of("commit", commit.key());
      case Operation.Remove remove -> List.of("remove", remove.key());
      case Operation.Stat stat -> List.of("stat", stat.key());
      case Operation.Update update -> List.of("update", update.name());
      case Operation.UsageOf usage -> List.of("usage", usage.key());
      case Operation.ListAll _ -> List.of();
      case Operation.Cleanup _ -> List.of("cleanup");
    };
  }

  /** What a layer's files may have lost is never committed, however often it is tried. */
  private static void requireNoCommit(Outcome.Refusal refusal) {
    assertThat(refusal.kind())
        .isIn(SnapshotException.StorageFailure.class, SnapshotException.FailedPrecondition.class);
    if (refusal.kind() == SnapshotException.FailedPrecondition.class) {
      assertThat(refusal.message()).contains("remove it, and unpack the layer again");
    }
  }
}
