package io.gatun.snapshot.apply.store;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.LayerConsumer;
import io.gatun.snapshot.apply.index.IndexForm;
import io.gatun.snapshot.apply.index.Inheritance;
import io.gatun.snapshot.apply.index.InheritedAttributes;
import io.gatun.snapshot.apply.index.LayerIndex;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.disk.FileProtection;
import io.gatun.snapshot.disk.InodeProtection;
import io.gatun.snapshot.disk.Root;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
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

  private static final int DIRECTORY_MODE = 0700;

  private final Disk disk;
  private final Root root;
  private final LayerFiles files;
  private final TrustedFiles trusted;
  private final boolean areNamesSynced;
  private final LayerPlacement placement;
  private final UnsyncedMarks marks;
  private final KnownBlobs blobs;
  private final Map<Digest, Integer> uses = new HashMap<>();

  /** Layers that could not be retired as somebody used them. */
  private final Set<Digest> unretired = new HashSet<>();

  private volatile Consumer<Digest> retirer = _ -> {};
  private long drafts;
  private long retired;

  /** As long as it is open, nothing of the layer is retired. */
  public final class Use implements AutoCloseable {
    private final Digest diffId;
    private boolean isOpen = true;

    private Use(Digest diffId) {
      this.diffId = diffId;
    }

    /** {@return the layer} */
    public Digest diffId() {
      return diffId;
    }

    @Override
    public void close() {
      if (isLast()) {
        retirer.accept(diffId);
      }
    }

    /** {@return whether somebody wants the layer to be retired, and nobody uses it any more} */
    private boolean isLast() {
      synchronized (LayerStore.this) {
        if (!isOpen) {
          return false;
        }
        isOpen = false;
        uses.computeIfPresent(diffId, (_, count) -> count == 1 ? null : count - 1);
        return !uses.containsKey(diffId) && unretired.remove(diffId);
      }
    }
  }

  private LayerStore(
      Disk disk, Root root, SyncWatch watch, boolean areNamesSynced, FileProtection protection)
      throws ErrnoException {
    this.disk = disk;
    this.root = root;
    this.files = new LayerFiles(disk, root, watch, protection);
    this.trusted = new TrustedFiles(watch);
    this.placement = new LayerPlacement(files, trusted);
    this.marks = new UnsyncedMarks(files, trusted);
    this.blobs = new KnownBlobs(files, trusted);
    this.areNamesSynced = areNamesSynced;
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
    boolean isUnsynced = UnsyncedMarks.areIn(found);
    if (isUnsynced) {
      marks.found(diffId);
    }
    for (LayerFile file : found) {
      switch (file) {
        case LayerFile.Blob(Digest blob) -> {
          blobs.add(blob, diffId);
          if (!isUnsynced) {
            trusted.durable(diffId, LayerFile.Tar.TAR);
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
      switch (e.errno()) {
        case ENOSPC, EDQUOT ->
            log.warn(
                "what is left of a layer cannot be moved now, the next start tries again directory={} error=\"{}\"",
                name,
                e.getMessage());
        default -> throw e;
      }
    }
  }

  /** Says who is to {@link #retire} a layer that could not be while somebody used it. */
  public void retireBy(Consumer<Digest> whom) {
    retirer = whom;
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
    Set<Digest> found = new TreeSet<>();
    for (LayerFile file : files.of(diffId)) {
      if (file instanceof LayerFile.Index(Digest digest)) {
        found.add(digest);
      }
    }
    return found;
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
  public boolean isWhole(Digest diffId) {
    return trusted.contains(diffId, LayerFile.Tar.TAR) && !blobs.of(diffId).isEmpty();
  }

  /** {@return whether an index of a layer is there, and known to be whole} */
  public boolean isWhole(Digest diffId, Digest index) throws ErrnoException {
    LayerFile.Index file = new LayerFile.Index(index);
    return trusted.contains(diffId, file) && files.contain(diffId, file);
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
  public Optional<Use> use(Digest diffId) throws ErrnoException {
    Use use = claim(diffId);
    boolean isThere = false;
    try {
      isThere = files.contain(diffId, LayerFile.Tar.TAR);
      return isThere ? Optional.of(use) : Optional.empty();
    } finally {
      if (!isThere) {
        use.close();
      }
    }
  }

  /** {@return a claim on a layer, whether it is there or not} */
  public synchronized Use claim(Digest diffId) {
    uses.merge(diffId, 1, Integer::sum);
    return new Use(diffId);
  }

  /** {@return the tar of a layer; {@code ENOENT} if there is none} */
  public StoredTar openTar(Digest diffId) throws ErrnoException {
    return new StoredTar(files.open(diffId, LayerFile.Tar.TAR));
  }

  /**
   * Hands the entries of a layer to a consumer, as the disk has them. When this returns, it is
   * known that they were those of the layer.
   *
   * @throws LayerStoreException if the tar cannot be read
   * @throws io.gatun.snapshot.apply.layer.InvalidLayerException if it is damaged
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
  public synchronized LayerDraft draft() throws LayerStoreException {
    try {
      Fd all = files.createTop();
      long mark = trusted.mark();
      while (true) {
        LinuxPath name = LayerFile.inTheMaking(++drafts);
        try {
          InodeProtection.overcome(
              disk, all, name, () -> disk.createDirectory(all, name, DIRECTORY_MODE));
        } catch (ErrnoException e) {
          if (e.is(Errno.EEXIST)) {
            continue;
          }
          throw e;
        }
        return new LayerDraft(disk, all, name, root.openDirectory(all, name), mark);
      }
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot begin a layer", e);
    }
  }

  /**
   * Makes a draft the layer, or a part of it if the layer is there already.
   *
   * @param result of the apply that has filled the draft
   * @param blob that was applied
   * @param isDurable whether it has to be on the disk when this returns
   * @return a claim on the layer, to be closed when a record names it
   */
  public Use publish(
      LayerDraft draft, IndexedApply.Result.Indexed result, Digest blob, boolean isDurable)
      throws LayerStoreException {
    return publish(draft, result.layer(), Optional.of(result.index()), blob, isDurable);
  }

  /**
   * As {@link #publish(LayerDraft, IndexedApply.Result.Indexed, Digest, boolean)}, of a layer whose
   * index is still to be made.
   *
   * @param layer whose tar is in the draft
   */
  public Use publish(LayerDraft draft, AppliedLayer layer, Digest blob, boolean isDurable)
      throws LayerStoreException {
    return publish(draft, layer, Optional.empty(), blob, isDurable);
  }

  private Use publish(
      LayerDraft draft,
      AppliedLayer layer,
      Optional<LayerIndex> index,
      Digest blob,
      boolean isDurable)
      throws LayerStoreException {
    // How long another layer is does not show in its tar, and whoever applies it again has to know.
    Optional<Digest> recorded =
        layer.sizeBytes() % TarFile.BLOCK_BYTES == 0 ? Optional.of(blob) : Optional.empty();
    Use use = claim(layer.diffId());
    boolean isPublished = false;
    try {
      boolean isSyncedNow = isDurable || recorded.isEmpty();
      List<LayerFile> made = new ArrayList<>(List.of(LayerFile.Tar.TAR));
      if (index.isPresent()) {
        made.add(named(draft, index.get()));
      }
      publish(draft, layer.diffId(), made, isSyncedNow, recorded);
      recorded.ifPresent(known -> blobs.add(known, layer.diffId()));
      isPublished = true;
      return use;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot keep layer " + layer.diffId(), e);
    } finally {
      if (!isPublished) {
        use.close();
      }
    }
  }

  /** Gives the index of a draft the name that it has in a layer. */
  private LayerFile.Index named(LayerDraft draft, LayerIndex index) throws ErrnoException {
    LayerFile.Index file = new LayerFile.Index(index.digest());
    disk.rename(draft.directory(), LayerDraft.INDEX, draft.directory(), file.name());
    return file;
  }

  private void publish(
      LayerDraft draft,
      Digest diffId,
      List<LayerFile> made,
      boolean isDurable,
      Optional<Digest> blob)
      throws ErrnoException {
    Fd from = draft.directory();
    Optional<LayerFile.Blob> record = isDurable ? blob.map(LayerFile.Blob::new) : Optional.empty();
    Optional<LayerFile.Unsynced> doubt =
        isDurable ? Optional.empty() : blob.map(LayerFile.Unsynced::new);
    for (LayerFile file : made) {
      if (isDurable) {
        files.bringToDisk(from, file);
      }
      files.seal(from, file);
    }
    if (record.isPresent()) {
      disk.createFile(from, record.get().name(), LayerFile.MODE).close();
    }
    if (doubt.isPresent()) {
      disk.createFile(from, doubt.get().name(), LayerFile.MODE).close();
    }
    boolean isSynced = isDurable || areNamesSynced;
    if (isSynced) {
      files.sync(from);
    }
    if (!placement.placeWhole(draft, diffId, made, isDurable)) {
      try (Fd into = files.openDirectory(diffId)) {
        if (doubt.isPresent()) {
          mark(into, diffId, made, doubt.get().digest());
        }
        publishBeside(draft, into, diffId, made, isDurable, record);
      }
    }
    if (isSynced) {
      files.sync(files.top());
    }
  }

  /** Has of a draft what the layer lacks, be it that nobody knows what is there instead. */
  private void publishBeside(
      LayerDraft draft,
      Fd into,
      Digest diffId,
      List<LayerFile> made,
      boolean isDurable,
      Optional<LayerFile.Blob> record)
      throws ErrnoException {
    Set<LayerFile> placed = new HashSet<>();
    for (LayerFile file : made) {
      if (placement.place(draft, into, diffId, file, isDurable)) {
        placed.add(file);
      }
    }
    if (!isDurable) {
      if (areNamesSynced) {
        files.sync(into);
      }
      return;
    }
    for (LayerFile file : made) {
      if (!placed.contains(file)) {
        // Whoever has put it there may not have waited for it.
        sync(into, diffId, file);
      }
    }
    if (record.isPresent()) {
      if (placed.contains(LayerFile.Tar.TAR)) {
        // Or it might vouch for what was there before.
        files.sync(into);
      }
      files.moveIfFree(draft.directory(), record.get().name(), into, record.get().name());
    }
    files.sync(into);
    unmark(into, diffId);
  }

  /** Marks a layer, unless all that it is to have is on the disk already. */
  private void mark(Fd directory, Digest diffId, List<LayerFile> made, Digest blob)
      throws ErrnoException {
    boolean isOnDisk = true;
    for (LayerFile file : made) {
      isOnDisk &= isOnDisk(diffId, file);
    }
    if (!isOnDisk && marks.add(directory, diffId, blob) && areNamesSynced) {
      files.sync(directory);
    }
  }

  private boolean isOnDisk(Digest diffId, LayerFile file) throws ErrnoException {
    return trusted.isDurable(diffId, file) && files.contain(diffId, file);
  }

  /** Takes the mark from a layer if all of it is on the disk by now. */
  private void unmark(Fd directory, Digest diffId) throws ErrnoException {
    if (marks.contain(diffId)) {
      blobs.record(directory, diffId);
      var _ = removeMark(directory, diffId);
    }
  }

  private void sync(Fd directory, Digest diffId, LayerFile file) throws ErrnoException {
    TrustedFiles.Knowledge known;
    do {
      known = trusted.of(diffId, file);
      files.bringToDisk(directory, file);
      // Or somebody has put another one in its place meanwhile, which may not be on the disk.
    } while (!trusted.synced(diffId, file, known));
  }

  /**
   * Returns when a layer, which whoever has put it there may not have waited for, is on the disk.
   */
  public void sync(Digest diffId) throws LayerStoreException {
    try (Fd directory = files.openDirectory(diffId)) {
      sync(directory, diffId, LayerFile.Tar.TAR);
      for (Digest index : indexes(diffId)) {
        sync(directory, diffId, new LayerFile.Index(index));
      }
      files.sync(directory);
      blobs.record(directory, diffId);
      files.sync(files.top());
      unmark(directory, diffId);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot sync layer " + diffId, e);
    }
  }

  /**
   * Makes a further index of a layer that is there: of one that it has, if they differ in nothing
   * but what directories inherit, or else from the headers of its tar.
   *
   * @param use which keeps the layer there
   * @param top what the top of the layer's tree has
   * @param inheritance what directories have that the layer does not name
   * @param isDurable whether it has to be on the disk when this returns
   * @return the index; nothing was written that is known to be there already
   * @throws LayerStoreException if the tar cannot be read, or the index not be written
   * @throws io.gatun.snapshot.apply.index.InexpressibleLayerException if an index cannot express
   *     what the layer inherits
   */
  public LayerIndex reindex(
      Use use,
      IndexForm form,
      InheritedAttributes top,
      Inheritance inheritance,
      boolean isDurable,
      Cancellation cancellation)
      throws IOException {
    Digest diffId = use.diffId();
    try (StoredTar tar = openTar(diffId)) {
      if (form == IndexForm.OVERLAY) {
        Optional<LayerIndex> copied = copyIndex(tar, diffId, top, inheritance, isDurable);
        if (copied.isPresent()) {
          return copied.get();
        }
      }
      return addIndex(
          diffId,
          draft -> makeIndex(draft, tar, diffId, form, top, inheritance, cancellation),
          isDurable);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot index layer " + diffId, e);
    }
  }

  private Optional<LayerIndex> copyIndex(
      StoredTar tar,
      Digest diffId,
      InheritedAttributes top,
      Inheritance inheritance,
      boolean isDurable)
      throws IOException {
    for (Digest digest : indexes(diffId)) {
      try (StoredIndex index = readIndex(diffId, digest).orElse(null)) {
        // One that is not as long as it was is to be found damaged.
        if (index != null && index.copy().tarBytes() == tar.sizeBytes()) {
          return index.copy().inherit(diffId, top, inheritance)
              ? Optional.of(addIndex(diffId, draft -> draft.writeIndex(index.copy()), isDurable))
              : Optional.empty();
        }
      }
    }
    return Optional.empty();
  }

  /** {@return an index that can become another one} */
  private Optional<StoredIndex> readIndex(Digest diffId, Digest index) {
    try (Fd file = openIndex(diffId, index)) {
      return StoredIndex.read(file, index);
    } catch (ErrnoException e) {
      log.debug(
          "index is not read, and one like it made of the tar diff_id={} index={} error=\"{}\"",
          diffId,
          index,
          e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * Makes an index of a layer that is there of what is known of it since it was read.
   *
   * @param use which keeps the layer there
   * @param late of which the place is known
   * @param isDurable whether it has to be on the disk when this returns
   * @return the index; nothing was written that is known to be there already
   * @throws LayerStoreException if the index cannot be written
   * @throws io.gatun.snapshot.apply.index.InexpressibleLayerException if an index cannot express
   *     the layer
   */
  public LayerIndex addIndex(Use use, LateIndex late, boolean isDurable) throws IOException {
    return addIndex(use.diffId(), late::write, isDurable);
  }

  /** Writes the index of a draft. */
  private interface IndexWriter {
    LayerIndex write(LayerDraft draft) throws IOException;
  }

  private LayerIndex addIndex(Digest diffId, IndexWriter writer, boolean isDurable)
      throws IOException {
    try (LayerDraft draft = draft()) {
      LayerIndex index = writer.write(draft);
      LayerFile.Index file = named(draft, index);
      Optional<Digest> blob = blobs.of(diffId).stream().findFirst();
      boolean isSyncedNow = isDurable || blob.isEmpty();
      if (isSyncedNow) {
        files.bringToDisk(draft.directory(), file);
      }
      files.seal(draft.directory(), file);
      try (Fd into = files.openDirectory(diffId)) {
        if (!isSyncedNow) {
          mark(into, diffId, List.of(LayerFile.Tar.TAR, file), blob.orElseThrow());
        }
        boolean isPlaced = placement.place(draft, into, diffId, file, isSyncedNow);
        if (isSyncedNow && !isPlaced) {
          sync(into, diffId, file);
        }
        if (isSyncedNow || areNamesSynced) {
          files.sync(into);
        }
      }
      return index;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot index layer " + diffId, e);
    }
  }

  private static LayerIndex makeIndex(
      LayerDraft draft,
      StoredTar tar,
      Digest diffId,
      IndexForm form,
      InheritedAttributes top,
      Inheritance inheritance,
      Cancellation cancellation)
      throws IOException {
    try (IndexMaking making = new IndexMaking(draft, form, top, inheritance)) {
      tar.readHeaders(making, cancellation);
      if (making.inexpressible().isPresent()) {
        throw making.inexpressible().get();
      }
      return draft.writeIndex(making.indexer(), diffId, tar.sizeBytes());
    }
  }

  // Layers that may be damaged.

  /**
   * {@return what of a layer is damaged} Of one that was marked as not synced, what is not known to
   * be whole is brought to the disk and read back; of another, it is seen whether the tar is there.
   */
  public LayerDamage inspect(Use use) throws LayerStoreException {
    Digest diffId = use.diffId();
    try {
      if (!marks.contain(diffId)) {
        return new LayerDamage(!files.contain(diffId, LayerFile.Tar.TAR), Set.of());
      }
      try (Fd directory = files.openDirectory(diffId)) {
        return new LayerVerification(files, trusted).run(directory, diffId);
      }
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot look at layer " + diffId, e);
    }
  }

  /**
   * Has the tar of a draft take the place of a layer's that is damaged or not there, durably. Who
   * has that one mounted keeps it.
   *
   * @param draft of which is known that its tar is the layer
   */
  public void replaceTar(Use use, LayerDraft draft) throws LayerStoreException {
    Digest diffId = use.diffId();
    try (Fd into = files.openDirectory(diffId)) {
      files.bringToDisk(draft.directory(), LayerFile.Tar.TAR);
      files.seal(draft.directory(), LayerFile.Tar.TAR);
      placement.replace(draft, into, diffId, LayerFile.Tar.TAR, true);
      files.sync(into);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot replace the tar of layer " + diffId, e);
    }
  }

  /** Says that the tar of a layer is damaged: the next one that is made takes its place. */
  public void distrust(Digest diffId) {
    trusted.remove(diffId, LayerFile.Tar.TAR);
  }

  /**
   * Says that the disk may have lost what was written of a layer: what is not known to be there is
   * read before it is taken for whole.
   */
  public void doubt(Digest diffId) {
    trusted.doubt(diffId);
  }

  /** What {@link #settle} has found. */
  public enum Settling {
    /** All of the layer is on the disk, and that is recorded. */
    DONE,
    /** Somebody else may be adding to the layer, and it has to be settled once more. */
    IN_USE,
    /** The disk has something else than was written, or nothing. */
    DAMAGED
  }

  /** Brings a layer that is marked as not synced to the disk, and takes the mark away. */
  public Settling settle(Use use) throws LayerStoreException {
    Digest diffId = use.diffId();
    try {
      if (!files.contain(diffId, LayerFile.Tar.TAR)) {
        return Settling.DAMAGED;
      }
      return marks.contain(diffId) ? settleMarked(diffId) : Settling.DONE;
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot settle layer " + diffId, e);
    }
  }

  private Settling settleMarked(Digest diffId) throws ErrnoException, LayerStoreException {
    try (Fd directory = files.openDirectory(diffId)) {
      if (!new LayerVerification(files, trusted).run(directory, diffId).isNone()) {
        return Settling.DAMAGED;
      }
      files.sync(directory);
      blobs.record(directory, diffId);
      files.sync(files.top());
      return removeMark(directory, diffId) ? Settling.DONE : Settling.IN_USE;
    }
  }

  private synchronized boolean removeMark(Fd directory, Digest diffId) throws ErrnoException {
    boolean isUsedByOthers = uses.getOrDefault(diffId, 0) > 1;
    return !isUsedByOthers && marks.remove(directory, diffId);
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
  public synchronized Optional<LinuxPath> retire(Digest diffId, Set<Digest> kept)
      throws ErrnoException {
    if (uses.containsKey(diffId)) {
      unretired.add(diffId);
      return Optional.empty();
    }
    if (kept.isEmpty()) {
      blobs.removeAll(diffId);
      trusted.removeAll(diffId);
      return Optional.of(moveToTrash(LayerFiles.directory(diffId)));
    }
    Set<Digest> unused = indexes(diffId);
    unused.removeAll(kept);
    if (!unused.isEmpty()) {
      try (Fd directory = files.openDirectory(diffId)) {
        for (Digest index : unused) {
          LayerFile.Index file = new LayerFile.Index(index);
          trusted.remove(diffId, file);
          files.remove(directory, file);
        }
        unmark(directory, diffId);
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
