package io.gatun.snapshot.apply.store;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.index.IndexForm;
import io.gatun.snapshot.apply.index.Inheritance;
import io.gatun.snapshot.apply.index.InheritedAttributes;
import io.gatun.snapshot.apply.index.LayerIndex;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.disk.Root;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The layers of a root that are kept as tars with indexes.
 *
 * <pre>
 *   layers/DIFF-ID/tar              the uncompressed layer, whose sha256 is DIFF-ID (64 hexadecimal
 *                                   digits); zeros behind it up to a multiple of 512 bytes
 *   layers/DIFF-ID/index-SHA256     an index of it, one for each way in which its snapshots differ
 *   layers/DIFF-ID/blob-SHA256      empty: our own apply has checked that this blob is the layer
 *   layers/N.new/                   a layer in the making; left over if the daemon is killed
 * </pre>
 *
 * <p>Files have mode 0600 and are opened without following links. What has its name is complete,
 * and is from then on neither written nor truncated, whether somebody uses it or not: it is
 * replaced by another file, or removed.
 *
 * <p>The order of steps: tar and index are written to a directory of their own -> synced, and then
 * the directory -> renamed to the diff id, or the index moved beside a tar that is there -> {@code
 * layers/} synced. Only then may a record name them. Removal is the other way round, first no
 * record, then the files; so what no record names is garbage, and nobody keeps a list.
 *
 * <p>Safe for use by several threads.
 */
public final class LayerStore {

  private static final Logger log = LoggerFactory.getLogger(LayerStore.class);

  private static final int DIRECTORY_MODE = 0700;

  private final Disk disk;
  private final Root root;
  private final LayerFiles files;
  private final Map<Digest, Digest> diffIdsOfBlobs = new ConcurrentHashMap<>();
  private final Map<Digest, Integer> uses = new HashMap<>();
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
      synchronized (LayerStore.this) {
        if (isOpen) {
          isOpen = false;
          uses.computeIfPresent(diffId, (_, count) -> count == 1 ? null : count - 1);
        }
      }
    }
  }

  private LayerStore(Disk disk, Root root) throws ErrnoException {
    this.disk = disk;
    this.root = root;
    this.files = new LayerFiles(disk, root);
  }

  /**
   * {@return the store of a root, whose descriptor of {@code layers/} it uses} Layers in the making
   * that a daemon before this one has left go to the trash.
   */
  public static LayerStore open(Disk disk, Root root) throws ErrnoException {
    LayerStore store = new LayerStore(disk, root);
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
    for (LayerFile file : files.of(diffId)) {
      if (file instanceof LayerFile.Blob(Digest blob)) {
        diffIdsOfBlobs.put(blob, diffId);
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
   * found it right}
   */
  public Optional<Digest> diffIdOf(Digest blob) {
    return Optional.ofNullable(diffIdsOfBlobs.get(blob));
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

  private synchronized Use claim(Digest diffId) {
    uses.merge(diffId, 1, Integer::sum);
    return new Use(diffId);
  }

  /** {@return the tar of a layer; {@code ENOENT} if there is none} */
  public StoredTar openTar(Digest diffId) throws ErrnoException {
    return new StoredTar(files.open(diffId, LayerFile.Tar.TAR));
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
      while (true) {
        LinuxPath name = LayerFile.inTheMaking(++drafts);
        try {
          disk.createDirectory(all, name, DIRECTORY_MODE);
        } catch (ErrnoException e) {
          if (e.is(Errno.EEXIST)) {
            continue;
          }
          throw e;
        }
        return new LayerDraft(disk, all, name, root.openDirectory(all, name));
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
    AppliedLayer layer = result.layer();
    // How long another layer is does not show in its tar, and whoever applies it again has to know.
    Optional<Digest> recorded =
        layer.sizeBytes() % TarFile.BLOCK_BYTES == 0 ? Optional.of(blob) : Optional.empty();
    Use use = claim(layer.diffId());
    boolean isPublished = false;
    try {
      publish(draft, layer.diffId(), result.index().digest(), isDurable, recorded);
      recorded.ifPresent(known -> diffIdsOfBlobs.put(known, layer.diffId()));
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

  private void publish(
      LayerDraft draft, Digest diffId, Digest index, boolean isDurable, Optional<Digest> blob)
      throws ErrnoException {
    Fd from = draft.directory();
    if (isDurable) {
      files.syncData(from, LayerDraft.TAR);
      files.syncData(from, LayerDraft.INDEX);
    }
    disk.rename(from, LayerDraft.INDEX, from, new LayerFile.Index(index).name());
    if (blob.isPresent()) {
      disk.createFile(from, new LayerFile.Blob(blob.get()).name(), LayerFile.MODE).close();
    }
    if (isDurable) {
      disk.sync(from);
    }
    Fd all = files.top();
    LinuxPath name = LayerFiles.directory(diffId);
    boolean isNew = files.moveIfFree(all, draft.name(), all, name);
    if (isNew) {
      draft.published();
    } else {
      try (Fd into = files.openDirectory(diffId)) {
        // Should it be missing, which was reported, this is it again.
        files.moveIfFree(from, LayerDraft.TAR, into, LayerDraft.TAR);
        add(from, into, index, isDurable);
        if (blob.isPresent()) {
          LinuxPath record = new LayerFile.Blob(blob.get()).name();
          files.moveIfFree(from, record, into, record);
        }
        if (isDurable) {
          // Whoever has put it there may not have waited for it.
          files.syncData(into, LayerFile.Tar.TAR.name());
          disk.sync(into);
        }
      }
    }
    if (isDurable) {
      disk.sync(all);
    }
  }

  /**
   * Returns when a layer, which whoever has put it there may not have waited for, is on the disk.
   */
  public void sync(Digest diffId) throws LayerStoreException {
    try (Fd directory = files.openDirectory(diffId)) {
      files.syncData(directory, LayerFile.Tar.TAR.name());
      for (Digest index : indexes(diffId)) {
        files.syncData(directory, new LayerFile.Index(index).name());
      }
      disk.sync(directory);
      disk.sync(files.top());
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot sync layer " + diffId, e);
    }
  }

  private void add(Fd from, Fd into, Digest index, boolean isDurable) throws ErrnoException {
    LinuxPath name = new LayerFile.Index(index).name();
    boolean isThere = !files.moveIfFree(from, name, into, name);
    if (isThere && isDurable) {
      files.syncData(into, name);
    }
  }

  /**
   * Makes a further index of a layer that is there, from the headers of its tar.
   *
   * @param use which keeps the layer there
   * @param top what the top of the layer's tree has
   * @param inheritance what directories have that the layer does not name
   * @param isDurable whether it has to be on the disk when this returns
   * @return the index; nothing was written that is there already
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
    try (LayerDraft draft = draft();
        StoredTar tar = openTar(diffId)) {
      LayerIndex index = makeIndex(draft, tar, diffId, form, top, inheritance, cancellation);
      Fd from = draft.directory();
      if (isDurable) {
        files.syncData(from, LayerDraft.INDEX);
      }
      disk.rename(from, LayerDraft.INDEX, from, new LayerFile.Index(index.digest()).name());
      try (Fd into = files.openDirectory(diffId)) {
        add(from, into, index.digest(), isDurable);
        if (isDurable) {
          disk.sync(into);
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

  // Layers that go.

  /**
   * Takes away the indexes of a layer that nobody needs any more, and the layer with the last one;
   * nothing if somebody uses the layer. What a mount holds lives on without a name.
   *
   * @param kept the indexes that records name
   * @return what is in the trash now and to be deleted
   */
  public synchronized Optional<LinuxPath> retire(Digest diffId, Set<Digest> kept)
      throws ErrnoException {
    if (uses.containsKey(diffId)) {
      return Optional.empty();
    }
    if (kept.isEmpty()) {
      diffIdsOfBlobs.values().removeIf(diffId::equals);
      return Optional.of(moveToTrash(LayerFiles.directory(diffId)));
    }
    Set<Digest> unused = indexes(diffId);
    unused.removeAll(kept);
    if (!unused.isEmpty()) {
      try (Fd directory = files.openDirectory(diffId)) {
        for (Digest index : unused) {
          disk.removeFile(directory, new LayerFile.Index(index).name());
        }
      }
    }
    return Optional.empty();
  }

  private synchronized LinuxPath moveToTrash(LinuxPath name) throws ErrnoException {
    while (true) {
      LinuxPath target = LinuxPath.of(name + "." + ++retired);
      if (files.moveIfFree(files.top(), name, root.trash(), target)) {
        return target;
      }
    }
  }
}
