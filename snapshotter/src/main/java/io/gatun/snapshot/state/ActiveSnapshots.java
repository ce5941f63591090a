package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The unpack state of active snapshots: one {@link UnpackState} each, in memory, and the {@link
 * UnpackRecords files} beside the snapshot that a later daemon reads.
 *
 * <p>The methods are the only transitions. Each changes memory and disk in an order that survives a
 * crash: a file is written before a state relies on it. No lock is held during I/O. Losing a state
 * is safe: the commit then syncs and counts the files of the snapshot, as it does for a snapshot
 * without a layer.
 */
public final class ActiveSnapshots {

  private static final Logger log = LoggerFactory.getLogger(ActiveSnapshots.class);

  /**
   * A completely unpacked layer.
   *
   * @param result the extracted tree; implicit directories are left out if there are many, and are
   *     then only in the record on disk
   * @param isDurable whether the complete layer was on disk
   * @param changeTimes the last changes of the snapshot, see {@link
   *     io.gatun.snapshot.driver.Driver#changeTimes}
   * @param kept the form of an indexed layer, which has no files in the snapshot's directory
   */
  public record Layer(
      TreeResult result,
      boolean isDurable,
      List<Timespec> changeTimes,
      Optional<LayerForm.Indexed> kept) {

    /**
     * About 3,000 directories. More than a hundred layers may be in memory before one is committed.
     */
    private static final int LIST_BYTES_MAX = 64 << 10;

    private static final TreeResult NO_TREE =
        new TreeResult(new Usage(0, 0), Optional.of(ImplicitDirectoryList.EMPTY), false);

    public Layer {
      changeTimes = List.copyOf(changeTimes);
    }

    /** A layer in the snapshot's directory. */
    public Layer(TreeResult result, boolean isDurable, List<Timespec> changeTimes) {
      this(result, isDurable, changeTimes, Optional.empty());
    }

    /** An indexed layer. */
    public Layer(LayerForm.Indexed kept, boolean isDurable, List<Timespec> changeTimes) {
      this(NO_TREE, isDurable, changeTimes, Optional.of(kept));
    }

    /**
     * {@return this layer without a long list of directories, so that no image can fill the memory}
     */
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

    /** {@return this layer with other change times} */
    public Layer withChangeTimes(List<Timespec> times) {
      return new Layer(result, isDurable, times, kept);
    }

    /** {@return this layer with a higher usage} */
    public Layer withMoreBytes(long bytes) {
      Usage usage = new Usage(result.usage().inodes(), result.usage().sizeBytes() + bytes);
      return with(new TreeResult(usage, result.implicitDirectories(), result.hasMarks()));
    }
  }

  /** The state of a snapshot that an earlier daemon created. */
  private static final UnpackState FOUND = new UnpackState.Unknown(Optional.empty());

  private final UnpackRecords records;

  /** By id. A snapshot without an entry was created by an earlier daemon. */
  private final Map<Long, UnpackState> states = new HashMap<>();

  /** The number of snapshots into which a layer is being unpacked. */
  private int unpacking;

  /**
   * @param boot identifies this start of the machine
   */
  public ActiveSnapshots(Disk disk, Root root, String boot) throws ErrnoException {
    this.records = new UnpackRecords(disk, root, boot);
  }

  private UnpackState state(long id) {
    return states.getOrDefault(id, FOUND);
  }

  private void put(long id, UnpackState next) {
    unpacking += count(next) - count(state(id));
    if (next.equals(FOUND)) {
      states.remove(id);
    } else {
      states.put(id, next);
    }
  }

  private static int count(UnpackState state) {
    return state instanceof UnpackState.Unpacking ? 1 : 0;
  }

  // Life of a snapshot.

  /**
   * Reads the records of an earlier daemon.
   *
   * @param missing ids of snapshots without directories
   * @return the indexed layers of active snapshots, by snapshot id; all other snapshots that may
   *     hold a part of a layer become partial
   */
  public Map<Long, LayerForm.Indexed> recover(MetadataStore store, Set<Long> missing)
      throws ErrnoException {
    Map<Long, LayerForm.Indexed> found = new LinkedHashMap<>();
    for (long id : records.unfinished(store, missing)) {
      tryFindIndexed(id).ifPresentOrElse(form -> found.put(id, form), () -> markPartial(id));
    }
    return found;
  }

  /**
   * Treats an unreadable record as absent: its layer can be unpacked again, and the others must
   * open.
   */
  private Optional<LayerForm.Indexed> tryFindIndexed(long id) {
    try {
      return records.findIndexed(id).flatMap(Layer::kept);
    } catch (ErrnoException e) {
      log.warn(
          "what is known of the layer in a snapshot cannot be read id={} error=\"{}\"",
          id,
          e.getMessage());
      return Optional.empty();
    }
  }

  /** A snapshot got a new directory, its first or a replacement, whose content is unknown. */
  public synchronized void created(long id, Timespec at) {
    put(id, state(id).created(at));
  }

  /** The snapshot was removed. Its record is deleted with its directory. */
  public synchronized void removed(long id) {
    put(id, FOUND);
  }

  /** The snapshot was committed and no longer needs its record. */
  public void committed(long id) {
    removed(id);
    try {
      records.discard(id);
    } catch (ErrnoException e) {
      // The file takes a few bytes and is deleted with the snapshot.
      log.debug("cannot remove what is not needed any more id={} error=\"{}\"", id, e.getMessage());
    }
  }

  // Unpacking a layer.

  /**
   * Begins to unpack a layer into a snapshot. The caller has locked its name. Until {@link
   * #prepared}, the files of an earlier layer may be materialized there.
   *
   * @throws SnapshotException.FailedPrecondition if another layer is being unpacked into it
   */
  public synchronized void begin(String key, long id) {
    requireIdle("apply", key, id);
    UnpackState before = state(id);
    boolean isPartial = before instanceof UnpackState.Partial;
    put(
        id,
        new UnpackState.Unpacking(before.createdAt(), isPartial, false, new CompletableFuture<>()));
  }

  /** The directory of the snapshot is complete up to the layer, which can now be written. */
  public synchronized void prepared(long id) {
    if (state(id) instanceof UnpackState.Unpacking current) {
      current.preparation().complete(null);
    }
  }

  /**
   * Gives up. The content of the directory counts as a partial layer after {@link #markPartial}.
   */
  public synchronized void end(long id) {
    if (state(id) instanceof UnpackState.Unpacking current) {
      put(id, current.ended());
      current.preparation().complete(null);
    }
  }

  /**
   * Records on disk that the directory may hold a part of a layer, before its first file is
   * written.
   */
  public void markUnpacking(long id) throws ErrnoException {
    records.begin(id);
  }

  /**
   * Like {@link #markUnpacking(long)}, in a directory that is about to replace that of a snapshot.
   */
  public void markUnpacking(Fd directory) throws ErrnoException {
    records.begin(directory);
  }

  /**
   * A complete layer is in the directory of a snapshot. {@code layer} tells whether it is durable.
   */
  public void unpacked(long id, Layer layer) throws ErrnoException {
    records.write(id, layer);
    if (!finish(id, layer.forMemory())) {
      records.delete(id);
    }
  }

  /** {@return whether the mounts of the snapshot stayed private during the unpack} */
  private synchronized boolean finish(long id, Layer layer) {
    UnpackState before = state(id);
    boolean isKnown = !isExposed(before);
    if (isPartial(id)) {
      // The layer was found damaged before it was complete.
      put(id, new UnpackState.Partial(before.createdAt()));
    } else if (isKnown) {
      put(id, new UnpackState.Unpacked(before.createdAt(), layer));
    } else {
      put(id, new UnpackState.Unknown(before.createdAt()));
    }
    return isKnown;
  }

  /**
   * Records on disk that a snapshot has an indexed layer, before {@link #indexed} makes it current.
   *
   * @param layer the layer that a later daemon reads
   */
  public void recordIndexed(long id, Layer layer) throws ErrnoException {
    records.begin(id);
    records.write(id, layer);
  }

  /**
   * Makes an indexed layer that of a snapshot, unless the mounts of the snapshot were handed out
   * during the unpack: those do not show the layer.
   *
   * @return whether the snapshot has the layer; otherwise the layer is still being unpacked
   */
  public synchronized boolean indexed(long id, Layer layer) {
    return !isExposed(state(id)) && finish(id, layer);
  }

  /** A change that requires that no client has the mounts of the snapshot. */
  public interface Change {
    void run() throws ErrnoException;
  }

  /**
   * Applies a short change, unless the mounts of a snapshot were handed out while a layer is being
   * unpacked into it. No client gets the mounts during the change.
   *
   * @return whether the change was applied
   */
  public synchronized boolean ifNotExposed(long id, Change change) throws ErrnoException {
    if (isExposed(state(id))) {
      return false;
    }
    change.run();
    return true;
  }

  private static boolean isExposed(UnpackState state) {
    return state instanceof UnpackState.Unpacking current && current.isExposed();
  }

  /** The directory may hold a part of a layer, which must be deleted before the next attempt. */
  public synchronized void markPartial(long id) {
    put(id, state(id).partial());
  }

  /**
   * The mounts of a snapshot are about to be handed out, so that clients can change it. Deletes the
   * record of its layer, durably.
   */
  public void markExposed(long id) throws ErrnoException {
    expose(id);
    records.delete(id);
  }

  private synchronized void expose(long id) {
    put(id, state(id).exposed());
  }

  // Queries.

  /**
   * {@return when this daemon created the directory of a snapshot; empty if an earlier daemon did}
   */
  public synchronized Optional<Timespec> createdAt(long id) {
    return state(id).createdAt();
  }

  /** {@return whether a layer is being unpacked into a snapshot} */
  public synchronized boolean isUnpacking(long id) {
    return state(id) instanceof UnpackState.Unpacking;
  }

  /** {@return whether an unpack has passed {@link #begin}, but not {@link #prepared}} */
  public synchronized boolean isPreparing(long id) {
    return state(id) instanceof UnpackState.Unpacking current && current.isPreparing();
  }

  /** Waits until {@link #isPreparing} is false. */
  public void awaitPreparation(long id) {
    preparation(id).ifPresent(CompletableFuture::join);
  }

  private synchronized Optional<CompletableFuture<Void>> preparation(long id) {
    return state(id) instanceof UnpackState.Unpacking current
        ? Optional.of(current.preparation())
        : Optional.empty();
  }

  /** {@return whether any layer is being unpacked} */
  public synchronized boolean areUnpacking() {
    return unpacking > 0;
  }

  /** {@return whether the directory of a snapshot may hold a part of an earlier layer} */
  public synchronized boolean isPartial(long id) {
    return switch (state(id)) {
      case UnpackState.Partial _ -> true;
      case UnpackState.Unpacking current -> current.isPartial();
      case UnpackState.Unknown _, UnpackState.Unpacked _ -> false;
    };
  }

  /**
   * {@return the layer that was unpacked into a snapshot, unless clients may have changed it since}
   * Reads the record if an earlier daemon created the snapshot.
   */
  public Optional<Layer> find(long id) throws ErrnoException {
    Optional<Layer> known = known(id);
    return known.isEmpty() && createdAt(id).isEmpty() ? records.find(id) : known;
  }

  /** {@return the indexed layer that was applied to a snapshot} */
  public Optional<Layer> findIndexed(long id) throws ErrnoException {
    Optional<Layer> known = known(id);
    return known.isPresent() ? known : records.findIndexed(id);
  }

  /** {@return the indexed layer of a snapshot as recorded on disk} */
  public Optional<Layer> findRecordedIndexed(long id) throws ErrnoException {
    return records.findIndexed(id);
  }

  /** {@return the implicit directories of a layer; empty if they exceed the limit of a record} */
  public Optional<ImplicitDirectoryList> implicitDirectories(long id, Layer layer)
      throws ErrnoException {
    Optional<ImplicitDirectoryList> known = layer.result().implicitDirectories();
    return known.isPresent()
        ? known
        : records.find(id).flatMap(recorded -> recorded.result().implicitDirectories());
  }

  private synchronized Optional<Layer> known(long id) {
    return state(id) instanceof UnpackState.Unpacked unpacked
        ? Optional.of(unpacked.layer())
        : Optional.empty();
  }

  // Preconditions of requests.

  /**
   * Checks a snapshot before its commit.
   *
   * @throws SnapshotException.FailedPrecondition if it may hold a part of a layer
   */
  public synchronized void requireComplete(String key, long id) {
    requireIdle("commit", key, id);
    if (isPartial(id)) {
      throw new SnapshotException.FailedPrecondition(
          ("commit %s: a layer could not be unpacked, and something of it is left in the snapshot (id %d): remove"
                  + " it, and unpack the layer again")
              .formatted(key, id));
    }
  }

  /**
   * Checks a snapshot before its changes are read.
   *
   * @throws SnapshotException.FailedPrecondition if it may hold a part of a layer
   */
  public synchronized void requireReadable(String key, long id) {
    requireIdle("diff", key, id);
    if (isPartial(id)) {
      throw new SnapshotException.FailedPrecondition(
          "diff %s: a layer could not be unpacked, and something of it is left in the snapshot (id %d)"
              .formatted(key, id));
    }
  }

  /**
   * Checks a snapshot before its removal.
   *
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into it
   */
  public void requireRemovable(String key, long id) {
    if (isUnpacking(id)) {
      throw new SnapshotException.FailedPrecondition(
          "cannot remove snapshot %s now: a layer is being unpacked into it".formatted(key));
    }
  }

  private void requireIdle(String operation, String key, long id) {
    if (isUnpacking(id)) {
      throw new SnapshotException.FailedPrecondition(
          "%s %s: a layer is being unpacked into the snapshot".formatted(operation, key));
    }
  }
}
