package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.layerstore.tar.TarFile;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.root.InodeProtection;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.Shortage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The indexed layers of a root: tars with their indexes.
 *
 * <pre>
 *   layers/DIFF-ID/tar              the uncompressed layer, whose sha256 is DIFF-ID (64 hexadecimal
 *                                   digits), padded with zeros to a multiple of 512 bytes
 *   layers/DIFF-ID/index-SHA256     an index of the tar, one for each set of inherited attributes; none
 *                                   before a snapshot needs the layer
 *   layers/DIFF-ID/blob-SHA256      empty: an apply verified that this blob contains the layer, and the
 *                                   tar is durable
 *   layers/DIFF-ID/unsynced-SHA256  empty: an apply verified that this blob contains the layer, which
 *                                   may not be fully durable
 *   layers/N.new/                   an ingest; left over if the daemon is killed
 * </pre>
 *
 * <p>Files have mode 0600 and are opened without following links. A file that has its final name is
 * complete; it is never written or truncated afterwards, only replaced by another file or removed.
 *
 * <p>The order of publishing: tar and index are written to an ingest directory -> synced, then the
 * directory -> renamed to the diff id, or the index is moved beside an existing tar -> {@code
 * layers/} is synced. Only then may a metadata record name them, and only a synced tar gets a blob
 * record. Without these syncs, a name may refer to garbage after a power failure. Therefore an
 * existing file is used only if it is known to be intact, and is replaced otherwise; and an
 * unsynced layer gets its mark before any file that may be garbage. The mark is removed when all
 * files of the layer are durable. A layer that has a mark when the daemon starts is hashed before
 * it is used, and rebuilt from its blob if it is damaged.
 *
 * <p>With synced names, the names and marks are durable before a record names an unsynced layer.
 * Without, the layer may be missing after a power failure; but a journaling filesystem never keeps
 * the later of two names without the earlier one.
 *
 * <p>Removal is the reverse: first the record, then the files. Files without a record are therefore
 * garbage, and no list of garbage is needed.
 *
 * <p>Thread-safe.
 */
public final class LayerStore {

  private static final Logger log = LoggerFactory.getLogger(LayerStore.class);

  private final Disk disk;
  private final Root root;
  private final LayerFiles files;
  private final FileStates fileStates;
  private final UnsyncedMarkers marks;
  private final BlobIndex blobs;
  private final LayerRefs refs = new LayerRefs();
  private final LayerIngests ingests;
  private final FilePublisher placement;
  private final LayerPublisher publication;
  private final LayerIndexBuilder indexBuilder;
  private long retired;

  /** A reference that prevents the layer from being collected until it is closed. */
  public final class LayerRef implements AutoCloseable {
    private final Digest diffId;
    private final AtomicBoolean isOpen = new AtomicBoolean(true);

    private LayerRef(Digest diffId) {
      this.diffId = diffId;
    }

    /** {@return the layer} */
    public Digest diffId() {
      return diffId;
    }

    @Override
    public void close() {
      if (isOpen.getAndSet(false)) {
        refs.release(diffId);
      }
    }
  }

  private LayerStore(
      Disk disk, Root root, SyncWatch watch, boolean areNamesSynced, FileProtection protection)
      throws ErrnoException {
    this.disk = disk;
    this.root = root;
    this.files = new LayerFiles(disk, root, watch, protection);
    this.fileStates = new FileStates(watch);
    this.marks = new UnsyncedMarkers(files, fileStates);
    this.blobs = new BlobIndex(files, fileStates);
    this.ingests = new LayerIngests(disk, root, files, fileStates);
    this.placement = new FilePublisher(files, fileStates);
    this.publication =
        new LayerPublisher(files, fileStates, marks, blobs, refs, placement, areNamesSynced);
    this.indexBuilder = new LayerIndexBuilder(files, ingests, publication);
  }

  /**
   * Opens the store of a root and moves ingests that an earlier daemon left behind to the trash.
   *
   * @param watch receives failed syncs, and knows about those of other components
   */
  public static LayerStore open(Disk disk, Root root, SyncWatch watch) throws ErrnoException {
    return open(disk, root, watch, false, FileProtection.NONE);
  }

  /**
   * Like {@link #open(Disk, Root, SyncWatch)}.
   *
   * @param areNamesSynced whether the names and marks of layers that are published without a sync
   *     are durable before a record may name them
   * @param protection of tars and indexes from now on
   */
  public static LayerStore open(
      Disk disk, Root root, SyncWatch watch, boolean areNamesSynced, FileProtection protection)
      throws ErrnoException {
    LayerStore store = new LayerStore(disk, root, watch, areNamesSynced, protection);
    store.find();
    return store;
  }

  private void find() throws ErrnoException {
    for (LinuxPath name : files.names()) {
      Optional<Digest> diffId = LayerFile.diffId(name);
      if (diffId.isPresent()) {
        findBlobs(diffId.get());
      } else if (LayerFile.isInTheMaking(name)) {
        clear(name);
      }
    }
  }

  private void findBlobs(Digest diffId) throws ErrnoException {
    List<LayerFile> found = files.of(diffId);
    boolean isUnsynced = UnsyncedMarkers.areIn(found);
    if (isUnsynced) {
      marks.found(diffId);
    }
    for (LayerFile file : found) {
      switch (file) {
        case LayerFile.Blob(Digest blob) -> {
          blobs.add(blob, diffId);
          if (!isUnsynced) {
            fileStates.durable(diffId, LayerFile.Tar.TAR);
          }
        }
        case LayerFile.Unsynced(Digest blob) -> blobs.add(blob, diffId);
        case LayerFile.Tar _, LayerFile.Index _ -> {}
      }
    }
  }

  private void clear(LinuxPath name) throws ErrnoException {
    try {
      moveToTrash(name);
    } catch (ErrnoException e) {
      // Even a root on a full disk must be served.
      if (!Shortage.isRoom(e)) {
        throw e;
      }
      log.warn(
          "cannot move an unpublished layer to the trash, the next start will retry directory={} error=\"{}\"",
          name,
          e.getMessage());
    }
  }

  /**
   * Sets the collector that calls {@link #collect} for a layer whose collection was refused while
   * it was referenced.
   */
  public void setCollector(Consumer<Digest> whom) {
    refs.retireBy(whom);
  }

  /** Sets the listener that remounts layers whose tar is replaced. */
  public void setListener(TarReplacementListener whom) {
    placement.displayedBy(whom);
  }

  // Queries.

  /** {@return the diff ids of all layers} */
  public Set<Digest> diffIds() throws ErrnoException {
    Set<Digest> found = new TreeSet<>();
    for (LinuxPath name : files.names()) {
      LayerFile.diffId(name).ifPresent(found::add);
    }
    return found;
  }

  /** {@return the digests of all indexes of a layer} */
  public Set<Digest> indexes(Digest diffId) throws ErrnoException {
    return files.indexes(diffId);
  }

  /** {@return whether a layer exists with this index} */
  public boolean contains(Digest diffId, Digest index) throws ErrnoException {
    return files.contain(diffId, LayerFile.Tar.TAR)
        && files.contain(diffId, new LayerFile.Index(index));
  }

  /**
   * {@return the layer in a blob, if an apply to this store verified the blob and the tar is known
   * to be intact}
   */
  public Optional<Digest> diffIdOf(Digest blob) {
    return blobs.diffIdOf(blob);
  }

  /**
   * {@return whether an apply to this store verified a blob of this layer and the tar is known to
   * be intact}
   */
  public boolean isVerified(Digest diffId) {
    return fileStates.contains(diffId, LayerFile.Tar.TAR) && !blobs.of(diffId).isEmpty();
  }

  /** {@return the layers that were marked as unsynced when the store was opened} */
  public Set<Digest> unsyncedAtFirst() {
    return marks.atFirst();
  }

  /** {@return the blobs that an apply to this store found to contain this layer} */
  public Set<Digest> blobs(Digest diffId) {
    return blobs.of(diffId);
  }

  /** {@return a reference to a layer, if it exists} */
  public Optional<LayerRef> tryAcquire(Digest diffId) throws ErrnoException {
    LayerRef ref = acquire(diffId);
    boolean isThere = false;
    try {
      isThere = files.contain(diffId, LayerFile.Tar.TAR);
      return isThere ? Optional.of(ref) : Optional.empty();
    } finally {
      if (!isThere) {
        ref.close();
      }
    }
  }

  /** {@return a reference to a layer, whether it exists or not} */
  public LayerRef acquire(Digest diffId) {
    refs.take(diffId);
    return new LayerRef(diffId);
  }

  /** {@return the tar of a layer; {@code ENOENT} if there is none} */
  public StoredTar openTar(Digest diffId) throws ErrnoException {
    return files.openTar(diffId);
  }

  /**
   * Passes the entries of a layer to a consumer, read from disk. Returns only if the tar matched
   * its digest.
   *
   * @throws LayerStoreException if the tar cannot be read
   * @throws io.gatun.snapshot.layer.tar.InvalidLayerException if it is damaged
   * @throws IOException from the consumer
   */
  public void read(Digest diffId, LayerConsumer consumer, Cancellation cancellation)
      throws IOException {
    try (Fd directory = files.openDirectory(diffId);
        HashedTar tar = new HashedTar(directory, diffId, cancellation)) {
      tar.read(consumer);
    }
  }

  /** {@return an index of a layer, open for reading; {@code ENOENT} if there is none} */
  public Fd openIndex(Digest diffId, Digest index) throws ErrnoException {
    return files.open(diffId, new LayerFile.Index(index));
  }

  // Publishing.

  /** Begins to write a layer. */
  public LayerIngest ingest() throws LayerStoreException {
    return ingests.begin();
  }

  /**
   * Publishes an ingest as a layer, or adds it to the layer if that exists.
   *
   * @param result of the apply that filled the ingest
   * @param blob that was applied
   * @param isDurable whether the layer must be durable when this returns
   * @return a reference to the layer, to be closed once a record names it
   */
  public LayerRef publish(
      LayerIngest ingest, IndexedWriter.Result.Indexed result, Digest blob, boolean isDurable)
      throws LayerStoreException {
    return publish(ingest, result.layer(), Optional.of(result.index()), blob, isDurable);
  }

  /**
   * Like {@link #publish(LayerIngest, IndexedWriter.Result.Indexed, Digest, boolean)}, for a layer
   * whose index is built later.
   *
   * @param layer whose tar is in the ingest
   */
  public LayerRef publish(LayerIngest ingest, AppliedLayer layer, Digest blob, boolean isDurable)
      throws LayerStoreException {
    return publish(ingest, layer, Optional.empty(), blob, isDurable);
  }

  private LayerRef publish(
      LayerIngest ingest,
      AppliedLayer layer,
      Optional<LayerIndex> index,
      Digest blob,
      boolean isDurable)
      throws LayerStoreException {
    // The padded tar of such a layer does not show its length, which a repeated apply needs.
    Optional<Digest> recorded =
        layer.sizeBytes() % TarFile.BLOCK_BYTES == 0 ? Optional.of(blob) : Optional.empty();
    LayerRef ref = acquire(layer.diffId());
    boolean isPublished = false;
    try {
      publication.publish(ingest, layer.diffId(), index, recorded, isDurable || recorded.isEmpty());
      recorded.ifPresent(known -> blobs.add(known, layer.diffId()));
      isPublished = true;
      return ref;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot store layer " + layer.diffId(), e);
    } finally {
      if (!isPublished) {
        ref.close();
      }
    }
  }

  /** Syncs a layer that may have been published without a sync. */
  public void sync(Digest diffId) throws LayerStoreException {
    try {
      publication.sync(diffId);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot sync layer " + diffId, e);
    }
  }

  /**
   * Builds a further index of a stored layer: from an existing index if they differ only in
   * inherited attributes, otherwise from the headers of the tar. An index that is known to exist is
   * not written again.
   *
   * @param top attributes of the layer's root directory
   * @param lowerAttributes attributes of directories without an entry in the layer
   * @param isDurable whether the index must be durable when this returns
   * @throws LayerStoreException if the tar cannot be read or the index cannot be written
   * @throws io.gatun.snapshot.layer.erofs.NotIndexableException if an index cannot express what the
   *     layer inherits
   */
  public LayerIndex reindex(
      LayerRef ref,
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      boolean isDurable,
      Cancellation cancellation)
      throws IOException {
    return indexBuilder.run(ref.diffId(), form, top, lowerAttributes, isDurable, cancellation);
  }

  /**
   * Builds an index for a stored layer from the in-memory tree that its unpack left behind. An
   * index that is known to exist is not written again.
   *
   * @param late which has been bound to its place
   * @param isDurable whether the index must be durable when this returns
   * @throws LayerStoreException if the index cannot be written
   * @throws io.gatun.snapshot.layer.erofs.NotIndexableException if an index cannot express the
   *     layer
   */
  public LayerIndex addIndex(LayerRef ref, InMemoryTemplate late, boolean isDurable)
      throws IOException {
    return indexBuilder.add(ref.diffId(), late::write, isDurable);
  }

  // Damage.

  /**
   * Finds the damaged files of a layer. If the layer is marked as unsynced, files not known to be
   * intact are synced and read back; otherwise only the presence of the tar is checked.
   */
  public LayerDamage inspect(LayerRef ref) throws LayerStoreException {
    Digest diffId = ref.diffId();
    try {
      if (!marks.contain(diffId)) {
        return new LayerDamage(!files.contain(diffId, LayerFile.Tar.TAR), Set.of());
      }
      try (Fd directory = files.openDirectory(diffId)) {
        return new LayerVerification(files, fileStates).run(directory, diffId);
      }
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot inspect layer " + diffId, e);
    }
  }

  /**
   * Durably replaces the damaged or missing tar of a layer with that of an ingest. Existing
   * overlays and open files keep the old tar.
   *
   * @param ingest whose tar is verified to be the layer
   */
  public void replaceTar(LayerRef ref, LayerIngest ingest) throws LayerStoreException {
    Digest diffId = ref.diffId();
    try (Fd into = files.openDirectory(diffId)) {
      files.bringToDisk(ingest.directory(), LayerFile.Tar.TAR);
      files.seal(ingest.directory(), LayerFile.Tar.TAR);
      placement.replace(ingest, into, diffId, LayerFile.Tar.TAR, true);
      files.sync(into);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot replace the tar of layer " + diffId, e);
    }
  }

  /** Marks the tar of a layer as damaged, so that the next publish replaces it. */
  public void distrust(Digest diffId) {
    fileStates.remove(diffId, LayerFile.Tar.TAR);
  }

  /**
   * Marks all files of a layer that are not known to be durable as unverified, because the disk may
   * have lost them: they are read back before they are used.
   */
  public void doubt(Digest diffId) {
    fileStates.markUnknown(diffId);
  }

  /** The outcome of {@link #syncLayer}. */
  public enum SyncOutcome {
    /** All of the layer is durable, and that is recorded. */
    DONE,
    /** Another thread may be adding to the layer; call again later. */
    IN_USE,
    /** A file on disk is missing or differs from what was written. */
    DAMAGED
  }

  /** Syncs a layer that is marked as unsynced, and removes the mark. */
  public SyncOutcome syncLayer(LayerRef ref) throws LayerStoreException {
    Digest diffId = ref.diffId();
    try {
      if (!files.contain(diffId, LayerFile.Tar.TAR)) {
        return SyncOutcome.DAMAGED;
      }
      return marks.contain(diffId) ? settleMarked(diffId) : SyncOutcome.DONE;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot sync layer " + diffId, e);
    }
  }

  private SyncOutcome settleMarked(Digest diffId) throws ErrnoException, LayerStoreException {
    try (Fd directory = files.openDirectory(diffId)) {
      if (!new LayerVerification(files, fileStates).run(directory, diffId).isNone()) {
        return SyncOutcome.DAMAGED;
      }
      return publication.settle(directory, diffId) ? SyncOutcome.DONE : SyncOutcome.IN_USE;
    }
  }

  // Removal.

  /**
   * Deletes the unreferenced indexes of a layer, and the layer with the last of them. Does nothing
   * while the layer is referenced; the collector retries after the last release. Existing mounts
   * keep their files.
   *
   * @param kept the indexes that records name
   * @return the directory in the trash that is to be deleted
   */
  public Optional<LinuxPath> collect(Digest diffId, Set<Digest> kept) throws ErrnoException {
    return refs.collect(diffId, () -> deleteUnused(diffId, kept));
  }

  private Optional<LinuxPath> deleteUnused(Digest diffId, Set<Digest> kept) throws ErrnoException {
    if (kept.isEmpty()) {
      blobs.removeAll(diffId);
      fileStates.removeAll(diffId);
      return Optional.of(moveToTrash(LayerFiles.directory(diffId)));
    }
    Set<Digest> unused = indexes(diffId);
    unused.removeAll(kept);
    if (!unused.isEmpty()) {
      try (Fd directory = files.openDirectory(diffId)) {
        for (Digest index : unused) {
          LayerFile.Index file = new LayerFile.Index(index);
          fileStates.remove(diffId, file);
          files.remove(directory, file);
        }
        publication.unmark(directory, diffId);
      }
    }
    return Optional.empty();
  }

  private synchronized LinuxPath moveToTrash(LinuxPath name) throws ErrnoException {
    while (true) {
      LinuxPath target = LinuxPath.of(name + "." + ++retired);
      if (InodeProtection.overcome(
          disk,
          files.top(),
          name,
          () -> files.moveIfFree(files.top(), name, root.trash(), target))) {
        return target;
      }
    }
  }
}
