package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.LayerIndex;
import io.gatun.snapshot.layer.tar.InheritedAttributes;
import io.gatun.snapshot.layer.tar.LayerConsumer;
import io.gatun.snapshot.layer.tar.LowerAttributes;
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
 * The layers of a root that are kept as tars with indexes.
 *
 * <pre>
 *   layers/DIFF-ID/tar              the uncompressed layer, whose sha256 is DIFF-ID (64 hexadecimal
 *                                   digits); zeros behind it up to a multiple of 512 bytes
 *   layers/DIFF-ID/index-SHA256     an index of it, one for each way in which its snapshots differ; none
 *                                   of a layer that nobody has asked for yet
 *   layers/DIFF-ID/blob-SHA256      empty: our own apply has checked that this blob is the layer, whose
 *                                   tar is on the disk
 *   layers/DIFF-ID/unsynced-SHA256  empty: our own apply has checked that this blob is the layer, some of
 *                                   which may not be on the disk
 *   layers/N.new/                   a layer in the making; left over if the daemon is killed
 * </pre>
 *
 * <p>Files have mode 0600 and are opened without following links. What has its name is complete,
 * and is from then on neither written nor truncated, whether somebody uses it or not: it is
 * replaced by another file, or removed.
 *
 * <p>The order of steps: tar and index are written to a directory of their own -> synced, and then
 * the directory -> renamed to the diff id, or the index moved beside a tar that is there -> {@code
 * layers/} synced. Only then may a record name them, and only of a tar that was synced is it said
 * which blob it is. Who does without the syncs may find anything under these names after a power
 * cut: so a file that is there already is the layer's only if it is known to be whole, and is
 * replaced otherwise; and the layer has a mark that it is not synced: mark -> files that may be
 * anything. The mark goes when all files of the layer are on the disk. What has it when a daemon
 * starts is hashed before it is used, and made anew from its blob if it is not what it should be.
 *
 * <p>What is on the disk before a record may name such a layer: with synced names these, the mark
 * among them. Without, whatever the filesystem has got around to, so that the layer may be gone
 * after a power cut; but one with a journal never has the later of two names and not the earlier.
 *
 * <p>Removal is the other way round, first no record, then the files; so what no record names is
 * garbage, and nobody keeps a list.
 *
 * <p>Safe for use by several threads.
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

  /** As long as it is open, nothing of the layer is retired. */
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
   * {@return the store of a root, whose descriptor of {@code layers/} it uses} Layers in the making
   * that a daemon before this one has left go to the trash.
   *
   * @param watch is told of failed syncs, and knows of those of others
   */
  public static LayerStore open(Disk disk, Root root, SyncWatch watch) throws ErrnoException {
    return open(disk, root, watch, false, FileProtection.NONE);
  }

  /**
   * As {@link #open(Disk, Root, SyncWatch)}.
   *
   * @param areNamesSynced whether at least the names of layers that nobody wants to be durable are
   *     on the disk before a record may name these, with their marks
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
      // A root on a full disk is served, too.
      if (!Shortage.isRoom(e)) {
        throw e;
      }
      log.warn(
          "what is left of a layer cannot be moved now, the next start tries again directory={} error=\"{}\"",
          name,
          e.getMessage());
    }
  }

  /** Says who is to {@link #collect} a layer that could not be while somebody used it. */
  public void setCollector(Consumer<Digest> whom) {
    refs.retireBy(whom);
  }

  /** Says who has layers mounted. */
  public void setListener(TarReplacementListener whom) {
    placement.displayedBy(whom);
  }

  // What there is.

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

  /** {@return whether a layer is there with this index} */
  public boolean contains(Digest diffId, Digest index) throws ErrnoException {
    return files.contain(diffId, LayerFile.Tar.TAR)
        && files.contain(diffId, new LayerFile.Index(index));
  }

  /**
   * {@return the layer that a blob is, if an apply to this store has read that blob to its end and
   * found it right, and the tar is known to be whole}
   */
  public Optional<Digest> diffIdOf(Digest blob) {
    return blobs.diffIdOf(blob);
  }

  /**
   * {@return whether an apply to this store has read a blob to its end and found that it is this
   * layer, and the tar is known to be whole}
   */
  public boolean isVerified(Digest diffId) {
    return fileStates.contains(diffId, LayerFile.Tar.TAR) && !blobs.of(diffId).isEmpty();
  }

  /** {@return whether an index of a layer is there, and known to be whole} */
  public boolean isVerified(Digest diffId, Digest index) throws ErrnoException {
    LayerFile.Index file = new LayerFile.Index(index);
    return fileStates.contains(diffId, file) && files.contain(diffId, file);
  }

  /** {@return the layers of which it was not recorded that they are on the disk, at the start} */
  public Set<Digest> unsyncedAtFirst() {
    return marks.atFirst();
  }

  /** {@return the blobs of which an apply to this store has found that they are this layer} */
  public Set<Digest> blobs(Digest diffId) {
    return blobs.of(diffId);
  }

  /** {@return a claim on a layer, if it is there} */
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

  /** {@return a claim on a layer, whether it is there or not} */
  public LayerRef acquire(Digest diffId) {
    refs.take(diffId);
    return new LayerRef(diffId);
  }

  /** {@return the tar of a layer; {@code ENOENT} if there is none} */
  public StoredTar openTar(Digest diffId) throws ErrnoException {
    return files.openTar(diffId);
  }

  /**
   * Hands the entries of a layer to a consumer, as the disk has them. When this returns, it is
   * known that they were those of the layer.
   *
   * @throws LayerStoreException if the tar cannot be read
   * @throws io.gatun.snapshot.layer.tar.InvalidLayerException if it is damaged
   * @throws IOException what the consumer throws
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

  // Layers that are added.

  /** {@return a place for a layer in the making} */
  public LayerIngest ingest() throws LayerStoreException {
    return ingests.begin();
  }

  /**
   * Makes a draft the layer, or a part of it if the layer is there already.
   *
   * @param result of the apply that has filled the draft
   * @param blob that was applied
   * @param isDurable whether it has to be on the disk when this returns
   * @return a claim on the layer, to be closed when a record names it
   */
  public LayerRef publish(
      LayerIngest ingest, IndexedWriter.Result.Indexed result, Digest blob, boolean isDurable)
      throws LayerStoreException {
    return publish(ingest, result.layer(), Optional.of(result.index()), blob, isDurable);
  }

  /**
   * As {@link #publish(LayerIngest, IndexedWriter.Result.Indexed, Digest, boolean)}, of a layer
   * whose index is still to be made.
   *
   * @param layer whose tar is in the draft
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
    // How long another layer is does not show in its tar, and whoever applies it again has to know.
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
      throw new LayerStoreException("cannot keep layer " + layer.diffId(), e);
    } finally {
      if (!isPublished) {
        ref.close();
      }
    }
  }

  /**
   * Returns when a layer, which whoever has put it there may not have waited for, is on the disk.
   */
  public void sync(Digest diffId) throws LayerStoreException {
    try {
      publication.sync(diffId);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot sync layer " + diffId, e);
    }
  }

  /**
   * Makes a further index of a layer that is there: of one that it has, if they differ in nothing
   * but what directories inherit, or else from the headers of its tar.
   *
   * @param ref which keeps the layer there
   * @param top what the top of the layer's tree has
   * @param lowerAttributes what directories have that the layer does not name
   * @param isDurable whether it has to be on the disk when this returns
   * @return the index; nothing was written that is known to be there already
   * @throws LayerStoreException if the tar cannot be read, or the index not be written
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
   * Makes an index of a layer that is there of what is known of it since it was read.
   *
   * @param ref which keeps the layer there
   * @param late of which the place is known
   * @param isDurable whether it has to be on the disk when this returns
   * @return the index; nothing was written that is known to be there already
   * @throws LayerStoreException if the index cannot be written
   * @throws io.gatun.snapshot.layer.erofs.NotIndexableException if an index cannot express the
   *     layer
   */
  public LayerIndex addIndex(LayerRef ref, InMemoryTemplate late, boolean isDurable)
      throws IOException {
    return indexBuilder.add(ref.diffId(), late::write, isDurable);
  }

  // Layers that may be damaged.

  /**
   * {@return what of a layer is damaged} Of one that was marked as not synced, what is not known to
   * be whole is brought to the disk and read back; of another, it is seen whether the tar is there.
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
      throw new LayerStoreException("cannot look at layer " + diffId, e);
    }
  }

  /**
   * Has the tar of a draft take the place of a layer's that is damaged or not there, durably. Who
   * has an overlay on that one, or files of it open, keeps it.
   *
   * @param ingest of which is known that its tar is the layer
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

  /** Says that the tar of a layer is damaged: the next one that is made takes its place. */
  public void distrust(Digest diffId) {
    fileStates.remove(diffId, LayerFile.Tar.TAR);
  }

  /**
   * Says that the disk may have lost what was written of a layer: what is not known to be there is
   * read before it is taken for whole.
   */
  public void doubt(Digest diffId) {
    fileStates.markUnknown(diffId);
  }

  /** What {@link #syncLayer} has found. */
  public enum SyncOutcome {
    /** All of the layer is on the disk, and that is recorded. */
    DONE,
    /** Somebody else may be adding to the layer, and it has to be settled once more. */
    IN_USE,
    /** The disk has something else than was written, or nothing. */
    DAMAGED
  }

  /** Brings a layer that is marked as not synced to the disk, and takes the mark away. */
  public SyncOutcome syncLayer(LayerRef ref) throws LayerStoreException {
    Digest diffId = ref.diffId();
    try {
      if (!files.contain(diffId, LayerFile.Tar.TAR)) {
        return SyncOutcome.DAMAGED;
      }
      return marks.contain(diffId) ? settleMarked(diffId) : SyncOutcome.DONE;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot settle layer " + diffId, e);
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

  // Layers that go.

  /**
   * Takes away the indexes of a layer that nobody needs any more, and the layer with the last one;
   * nothing if somebody uses the layer, after whom it is tried again. What a mount holds lives on
   * without a name.
   *
   * @param kept the indexes that records name
   * @return what is in the trash now and to be deleted
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
