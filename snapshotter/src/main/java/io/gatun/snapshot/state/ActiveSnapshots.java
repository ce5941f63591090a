package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.extract.ImplicitDirectoryList;
import io.gatun.snapshot.layer.extract.TreeResult;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is known of active snapshots because they were made here, and a layer is, or was, unpacked
 * into them.
 *
 * <p>This is the part in memory; {@link UnpackRecords} keeps with the snapshots what a daemon after
 * this one has to know. Of a snapshot of which nothing is known, a commit has to make the files
 * durable and somebody has to count them, as with any other; nothing can be forgotten that would
 * let a layer be committed that is not on the disk.
 */
public final class ActiveSnapshots {

  /**
   * A layer that was unpacked in whole.
   *
   * @param result what has become of it, without unnamed directories if these are many: the record
   *     with the snapshot has them
   * @param isDurable whether all of it was on the disk
   * @param changeTimes when something of the snapshot changed last, see {@link
   *     io.gatun.snapshot.driver.Driver#changeTimes}
   * @param kept how the layer is kept, if it is not in the snapshot's directory; nothing has become
   *     of it there then
   */
  public record Layer(
      TreeResult result,
      boolean isDurable,
      List<Timespec> changeTimes,
      Optional<LayerForm.Indexed> kept) {

    /** Some 3,000 directories; there may be more than a hundred layers before one is committed. */
    private static final int LIST_BYTES_MAX = 64 << 10;

    private static final TreeResult NO_TREE =
        new TreeResult(new Usage(0, 0), Optional.of(ImplicitDirectoryList.EMPTY), false);

    public Layer {
      changeTimes = List.copyOf(changeTimes);
    }

    /** A layer that is in the snapshot's directory. */
    public Layer(TreeResult result, boolean isDurable, List<Timespec> changeTimes) {
      this(result, isDurable, changeTimes, Optional.empty());
    }

    /** A layer that is kept. */
    public Layer(LayerForm.Indexed kept, boolean isDurable, List<Timespec> changeTimes) {
      this(NO_TREE, isDurable, changeTimes, Optional.of(kept));
    }

    /** {@return the same, as much of it as stays in memory, whatever an image says} */
    private Layer forMemory() {
      boolean isShort =
          result.implicitDirectories().stream()
              .allMatch(list -> list.sizeBytes() <= LIST_BYTES_MAX);
      return isShort
          ? this
          : with(new TreeResult(result.usage(), Optional.empty(), result.hasMarks()));
    }

    private Layer with(TreeResult other) {
      return new Layer(other, isDurable, changeTimes, kept);
    }

    /** {@return the same, with what changed last now} */
    public Layer withChangeTimes(List<Timespec> times) {
      return new Layer(result, isDurable, times, kept);
    }

    /** {@return the same, taking more than before} */
    public Layer withMoreBytes(long bytes) {
      Usage usage = new Usage(result.usage().inodes(), result.usage().sizeBytes() + bytes);
      return with(new TreeResult(usage, result.implicitDirectories(), result.hasMarks()));
    }
  }

  /** When those were made that may be unpacked into; what is older than this daemon is unknown. */
  private final Map<Long, Timespec> createdAt = new HashMap<>();

  /** Those that a layer is being unpacked into. */
  private final Set<Long> unpacking = new HashSet<>();

  /** Those of them that somebody else may be writing to. */
  private final Set<Long> exposed = new HashSet<>();

  private final Map<Long, Layer> layers = new HashMap<>();

  /** Those that may hold something of a layer that could not be unpacked. */
  private final Set<Long> partial = new HashSet<>();

  /** Says that a snapshot was made just now, and maybe once before. */
  public synchronized void created(long id, Timespec at) {
    createdAt.put(id, at);
    partial.remove(id);
  }

  /** {@return when a snapshot was made} */
  public synchronized Optional<Timespec> createdAt(long id) {
    return Optional.ofNullable(createdAt.get(id));
  }

  /**
   * Says that a layer is being unpacked into a snapshot, whose name has to be claimed.
   *
   * @throws SnapshotException.FailedPrecondition if that is so already
   */
  public synchronized void begin(String key, long id) {
    requireIdle("apply", key, id);
    unpacking.add(id);
    exposed.remove(id);
    layers.remove(id);
  }

  /** Says that nothing is unpacked into a snapshot any more. */
  public synchronized void end(long id) {
    unpacking.remove(id);
  }

  /**
   * Says that a layer was unpacked in whole, and ends that.
   *
   * @return whether nobody else may have written to the snapshot meanwhile
   */
  public synchronized boolean unpacked(long id, Layer layer) {
    unpacking.remove(id);
    boolean isKnown = !exposed.remove(id);
    if (isKnown) {
      layers.put(id, layer.forMemory());
    }
    return isKnown;
  }

  /**
   * Says that a layer was applied that is kept, and ends that; unless somebody else may be writing
   * to the snapshot, or reading it, who would not see the layer.
   *
   * @return whether that was done
   */
  public synchronized boolean indexed(long id, Layer layer) {
    if (exposed.contains(id)) {
      return false;
    }
    unpacking.remove(id);
    layers.put(id, layer);
    return true;
  }

  /** What is done to a snapshot that nobody else may be writing to. */
  public interface Change {
    void run() throws ErrnoException;
  }

  /**
   * Does something that must not take long, unless somebody else may be writing to a snapshot that
   * a layer is being unpacked into, or reading it; nobody is told of its mounts meanwhile.
   *
   * @return whether it was done
   */
  public synchronized boolean ifNotExposed(long id, Change change) throws ErrnoException {
    if (exposed.contains(id)) {
      return false;
    }
    change.run();
    return true;
  }

  /** {@return whether a layer is being unpacked into a snapshot} */
  public synchronized boolean isUnpacking(long id) {
    return unpacking.contains(id);
  }

  /** {@return whether layers are being unpacked at the moment} */
  public synchronized boolean areUnpacking() {
    return !unpacking.isEmpty();
  }

  /** Says that there is something of a layer in a snapshot that has to be taken away. */
  public synchronized void markPartial(long id) {
    partial.add(id);
  }

  public synchronized boolean isPartial(long id) {
    return partial.contains(id);
  }

  /** Says that somebody is told how to write to a snapshot. */
  public synchronized void markExposed(long id) {
    layers.remove(id);
    if (unpacking.contains(id)) {
      exposed.add(id);
    }
  }

  /** Says that a snapshot is no active one any more. */
  public synchronized void evict(long id) {
    createdAt.remove(id);
    layers.remove(id);
    partial.remove(id);
  }

  /** {@return the layer that was unpacked into a snapshot, unless others may have written to it} */
  public synchronized Optional<Layer> find(long id) {
    return Optional.ofNullable(layers.get(id));
  }

  /**
   * Sees to it that no layer is in a snapshot in part.
   *
   * @throws SnapshotException.FailedPrecondition if one is
   */
  public synchronized void requireComplete(String key, long id) {
    requireIdle("commit", key, id);
    if (partial.contains(id)) {
      throw new SnapshotException.FailedPrecondition(
          ("commit %s: a layer could not be unpacked, and something of it is left in the snapshot (id %d): remove"
                  + " it, and unpack the layer again")
              .formatted(key, id));
    }
  }

  /**
   * Sees to it that no layer is in a snapshot in part whose changes are to be read.
   *
   * @throws SnapshotException.FailedPrecondition if one is
   */
  public synchronized void requireReadable(String key, long id) {
    requireIdle("diff", key, id);
    if (partial.contains(id)) {
      throw new SnapshotException.FailedPrecondition(
          "diff %s: a layer could not be unpacked, and something of it is left in the snapshot (id %d)"
              .formatted(key, id));
    }
  }

  /**
   * Sees to it that no layer is being unpacked into a snapshot that is to be removed.
   *
   * @throws SnapshotException.FailedPrecondition if one is
   */
  public synchronized void requireRemovable(String key, long id) {
    if (unpacking.contains(id)) {
      throw new SnapshotException.FailedPrecondition(
          "cannot remove snapshot %s now: a layer is being unpacked into it".formatted(key));
    }
  }

  private void requireIdle(String operation, String key, long id) {
    if (unpacking.contains(id)) {
      throw new SnapshotException.FailedPrecondition(
          "%s %s: a layer is being unpacked into the snapshot".formatted(operation, key));
    }
  }
}
