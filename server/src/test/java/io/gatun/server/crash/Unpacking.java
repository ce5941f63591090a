package io.gatun.server.crash;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * Has layers unpacked, and cancels some of the calls. After a kill of the daemon, a stop of the
 * machine or a cancelled call, the layer can be unpacked again, or it is complete without an
 * acknowledgement.
 */
final class Unpacking {

  private static final double CANCELLED_SHARE = 0.15;
  private static final int CANCELLED_MICROS_MAX = 15_000;
  private static final long BUSY_SECONDS_MAX = 300;

  private final RemoteDiffer differ;
  private final LayerPool layers;
  private final RandomGenerator random;

  /** The snapshots into which a cancelled call may still unpack a layer. */
  private final Set<Slot> cancelled = new HashSet<>();

  Unpacking(RemoteDiffer differ, LayerPool layers, RandomGenerator random) {
    this.differ = differ;
    this.layers = layers;
    this.random = random;
  }

  /**
   * Has a layer unpacked into a snapshot, the same one as in an earlier attempt.
   *
   * @return whether the snapshot is usable: it has the layer, or can still get it
   */
  boolean unpack(Slot slot, State.Present active, List<Mount> mounts) throws IOException {
    Layer layer = active.layer().orElseGet(() -> layers.choose(random));
    State.Present tried = active.trying(layer);
    slot.note(tried);
    State.Present done = tried.withFiles(layer.files());
    Slot.Entry sent = slot.send(done);
    try {
      whenIdle(
          slot,
          () -> {
            if (differ.apply(layer, mounts, cancelAfterMicros())) {
              sent.acknowledge(done);
            } else {
              sent.refuse();
              cancelled.add(slot);
            }
          });
      return true;
    } catch (SnapshotException.Unsupported e) {
      sent.refuse();
      return isThere(slot, active, done, mounts, e);
    }
  }

  /** A request that the daemon refuses while it unpacks a layer into the snapshot. */
  interface Request {
    void send() throws IOException;
  }

  /**
   * Sends a request. If a call for the snapshot was cancelled, which the daemon takes a moment to
   * notice, repeats the request until the daemon no longer refuses it.
   */
  void whenIdle(Slot slot, Request request) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(BUSY_SECONDS_MAX);
    while (true) {
      try {
        request.send();
        return;
      } catch (SnapshotException.FailedPrecondition e) {
        if (!cancelled.contains(slot)) {
          throw e;
        }
        if (System.nanoTime() > deadline) {
          throw new AssertionError("an unpacking into it never ends: " + slot, e);
        }
        DaemonUnderTest.pause(1);
      }
    }
  }

  private OptionalLong cancelAfterMicros() {
    return random.nextDouble() < CANCELLED_SHARE
        ? OptionalLong.of(1 + random.nextInt(CANCELLED_MICROS_MAX))
        : OptionalLong.empty();
  }

  /**
   * {@return whether a snapshot's content is a layer} The only other possible content is the
   * client's own writing that a stop of the machine interrupted, unchanged.
   */
  private boolean isThere(
      Slot slot,
      State.Present active,
      State.Present done,
      List<Mount> mounts,
      SnapshotException.Unsupported refusal)
      throws IOException {
    TreeDigest found = TreeDigest.of(MountedFiles.of(mounts).own());
    if (active.remains().filter(found::equals).isPresent()) {
      return false;
    }
    List<String> differences = done.files().orElseThrow().differences(found);
    if (!differences.isEmpty()) {
      throw new AssertionError(
          "%s holds a part of a layer: %s".formatted(slot, differences), refusal);
    }
    slot.note(done);
    return true;
  }
}
