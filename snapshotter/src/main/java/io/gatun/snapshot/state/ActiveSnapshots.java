package io.gatun.snapshot.state;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Timespec;
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
 * The unpack state of active snapshots: one {@link UnpackState} for each, in memory, and the {@link
 * UnpackRecords files} beside the snapshot that a later daemon needs.
 *
 * <p>The methods are the only transitions, and each changes both parts in the order that a crash
 * allows. A file is written before a state says that it is there, and no lock is held while the
 * disk works. Losing a state is safe: a commit then syncs and counts the files of the snapshot, as
 * it does for a snapshot without a layer.
 */
public final class ActiveSnapshots {

  private static final Logger log = LoggerFactory.getLogger(ActiveSnapshots.class);

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

  /** An earlier daemon created the snapshot. */
  private static final UnpackState FOUND = new UnpackState.Unknown(Optional.empty());

  private final UnpackRecords records;

  /** By id. A snapshot that is not here was created by an earlier daemon, and nothing is known. */
  private final Map<Long, UnpackState> states = new HashMap<>();

  /** How many of them are being unpacked into. */
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

  // Snapshots come and go.

  /**
   * Reads what an earlier daemon left.
   *
   * @param missing ids of snapshots without directories
   * @return the indexed layers of active snapshots, by their ids; other snapshots that may hold a
   *     part of a layer are partial from now on
   */
  public Map<Long, LayerForm.Indexed> recover(MetadataStore store, Set<Long> missing)
      throws ErrnoException {
    Map<Long, LayerForm.Indexed> found = new LinkedHashMap<>();
    for (long id : records.unfinished(store, missing)) {
      tryFindIndexed(id).ifPresentOrElse(form -> found.put(id, form), () -> markPartial(id));
    }
    return found;
  }

  /** A layer that can be unpacked again is no reason to refuse the others. */
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

  /** A snapshot got a directory, be it its first or another one, and nothing is known of it. */
  public synchronized void created(long id, Timespec at) {
    put(id, state(id).created(at));
  }

  /** The snapshot was removed. Its files go with its directory. */
  public synchronized void removed(long id) {
    put(id, FOUND);
  }

  /** The snapshot was committed, so that nobody needs its files any more. */
  public void committed(long id) {
    removed(id);
    try {
      records.discard(id);
    } catch (ErrnoException e) {
      // It takes a few bytes, and goes with the snapshot.
      log.debug("cannot remove what is not needed any more id={} error=\"{}\"", id, e.getMessage());
    }
  }

  // A layer is unpacked.

  /**
   * Begins to unpack a layer into a snapshot, whose name the caller has locked. Until {@link
   * #prepared}, the files of an earlier layer may be materialized there.
   *
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into it already
   */
  public synchronized void begin(String key, long id) {
    requireIdle("apply", key, id);
    UnpackState before = state(id);
    boolean isPartial = before instanceof UnpackState.Partial;
    put(
        id,
        new UnpackState.Unpacking(before.createdAt(), isPartial, false, new CompletableFuture<>()));
  }

  /** The snapshot is ready for the layer: its directory holds what it should hold before. */
  public synchronized void prepared(long id) {
    if (state(id) instanceof UnpackState.Unpacking current) {
      current.preparation().complete(null);
    }
  }

  /**
   * Gives up. What is in the directory counts as a part of a layer if {@link #markPartial} said so.
   */
  public synchronized void end(long id) {
    if (state(id) instanceof UnpackState.Unpacking current) {
      put(id, current.ended());
      current.preparation().complete(null);
    }
  }

  /** Records on the disk that the directory may hold a part of a layer; before its first file. */
  public void markUnpacking(long id) throws ErrnoException {
    records.begin(id);
  }

  /** As {@link #markUnpacking(long)}, in a directory that is to become the one of a snapshot. */
  public void markUnpacking(Fd directory) throws ErrnoException {
    records.begin(directory);
  }

  /** A complete layer is in the directory of a snapshot, as durable as it says. */
  public void unpacked(long id, Layer layer) throws ErrnoException {
    records.write(id, layer);
    if (!finish(id, layer.forMemory())) {
      records.delete(id);
    }
  }

  /** {@return whether nobody else can have changed the snapshot meanwhile} */
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
   * Records on the disk that a snapshot has an indexed layer, before {@link #indexed} says so.
   *
   * @param layer what a later daemon is to find
   */
  public void recordIndexed(long id, Layer layer) throws ErrnoException {
    records.begin(id);
    records.write(id, layer);
  }

  /**
   * A snapshot has an indexed layer, unless its mounts were handed out meanwhile, which do not show
   * the layer.
   *
   * @return whether it has; otherwise the layer is still being unpacked
   */
  public synchronized boolean indexed(long id, Layer layer) {
    return !isExposed(state(id)) && finish(id, layer);
  }

  /** What is done to a snapshot that nobody else may be writing to. */
  public interface Change {
    void run() throws ErrnoException;
  }

  /**
   * Does something that must not take long, unless the mounts of a snapshot were handed out while a
   * layer is being unpacked into it. Nobody gets the mounts meanwhile.
   *
   * @return whether it was done
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

  /** The directory may hold a part of a layer, which has to be taken away. */
  public synchronized void markPartial(long id) {
    put(id, state(id).partial());
  }

  /**
   * The mounts of a snapshot are about to be handed out, so that others can change it. What is
   * recorded of its layer is deleted, durably.
   */
  public void markExposed(long id) throws ErrnoException {
    expose(id);
    records.delete(id);
  }

  private synchronized void expose(long id) {
    put(id, state(id).exposed());
  }

  // What is known.

  /** {@return when this daemon created the directory of a snapshot, if it did} */
  public synchronized Optional<Timespec> createdAt(long id) {
    return state(id).createdAt();
  }

  /** {@return whether a layer is being unpacked into a snapshot} */
  public synchronized boolean isUnpacking(long id) {
    return state(id) instanceof UnpackState.Unpacking;
  }

  /** {@return whether {@link #begin} was said of a snapshot, and not {@link #prepared}} */
  public synchronized boolean isPreparing(long id) {
    return state(id) instanceof UnpackState.Unpacking current && current.isPreparing();
  }

  /** Waits until {@link #isPreparing} is no longer so. */
  public void awaitPreparation(long id) {
    preparation(id).ifPresent(CompletableFuture::join);
  }

  private synchronized Optional<CompletableFuture<Void>> preparation(long id) {
    return state(id) instanceof UnpackState.Unpacking current
        ? Optional.of(current.preparation())
        : Optional.empty();
  }

  /** {@return whether layers are being unpacked at the moment} */
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
   * {@return the layer that was unpacked into a snapshot, unless others may have changed it since}
   * For a snapshot that an earlier daemon created, its record tells.
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

  /** {@return the indexed layer of a snapshot as a later daemon would find it} */
  public Optional<Layer> findRecordedIndexed(long id) throws ErrnoException {
    return records.findIndexed(id);
  }

  /** {@return the implicit directories of a layer, unless there are too many to be recorded} */
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

  // What a request needs.

  /**
   * @throws SnapshotException.FailedPrecondition if a snapshot that is to be committed may hold a
   *     part of a layer
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
   * @throws SnapshotException.FailedPrecondition if a snapshot whose changes are to be read may
   *     hold a part of a layer
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
   * @throws SnapshotException.FailedPrecondition if a layer is being unpacked into a snapshot that
   *     is to be removed
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
