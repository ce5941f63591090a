package io.gatun.snapshot.indexed;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.ResolveFlag;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.concurrent.KeyedLock;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.layerstore.StoredTar;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.SnapshotDirectories;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mounts the indexed layers below active snapshots and views, and unmounts those that are not used.
 *
 * <p>A snapshot references all layers below it, in any form. The form may change to indexed, and
 * then the snapshots on top need the layer mounted.
 *
 * <p>A restart of the machine or another process may remove mounts. A caller that is about to use
 * layers therefore {@link #mountLayers mounts} them again. Mounts stay when the daemon ends, for
 * the containers that run on them. An unused layer stays mounted for a moment, because the layers
 * of an image are unpacked one on top of the other.
 */
public final class LayerMounts implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LayerMounts.class);

  static final long UNUSED_MILLIS = 10_000;

  private final Root root;
  private final IndexedLayers indexedLayers;
  private final IndexMounts mounts;
  private final SnapshotDirectories directories;
  private final ScheduledThreadPoolExecutor later;

  /** The references of active snapshots, views and requests. */
  private final LayerRefCounts refCounts = new LayerRefCounts();

  /**
   * One lock for each layer: mounting may wait for the disk, and must not block the use of others.
   */
  private final KeyedLock<Long> locks = new KeyedLock<>();

  /** The references to id-mapped mounts among these. */
  private final IdMappedRefs idMappedRefs;

  /** The lease of each active snapshot and view, by its id. */
  private final Map<Long, MountLease> leases = new ConcurrentHashMap<>();

  /** The unused layer that is given another form, if there is one. */
  private volatile long converting = Root.NO_SNAPSHOT;

  /**
   * @param directories know the damaged layers, which are not mounted
   */
  LayerMounts(
      Root root, IndexedLayers indexedLayers, IndexMounts mounts, SnapshotDirectories directories) {
    this.root = root;
    this.indexedLayers = indexedLayers;
    this.mounts = mounts;
    this.directories = directories;
    this.idMappedRefs = new IdMappedRefs(mounts.idMapped());
    this.later =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().daemon().name("gatun-unmounts").unstarted(task));
    later.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    later.setRemoveOnCancelPolicy(true);
  }

  /** A reference to layers, which stay mounted until this is closed. */
  public final class MountLease implements AutoCloseable {
    private final LayerRefCounts.@Nullable Chained nearest;
    private final Optional<LinuxPath> mapping;
    private boolean isTransferred;

    private MountLease(LayerRefCounts.@Nullable Chained nearest, Optional<LinuxPath> mapping) {
      this.nearest = nearest;
      this.mapping = mapping;
      if (nearest != null) {
        mapping.ifPresent(name -> idMappedRefs.take(name, nearest));
      }
    }

    /** Transfers the reference to a snapshot, which has it until {@link #release}. */
    public void transferTo(long id) {
      if (nearest != null) {
        isTransferred = true;
        leases.put(id, this);
      }
    }

    private boolean isOn(long layer) {
      LayerRefCounts.@Nullable Chained at = nearest;
      while (at != null && at.id() != layer) {
        at = at.below();
      }
      return at != null;
    }

    @Override
    public void close() {
      if (!isTransferred) {
        drop(this);
      }
    }
  }

  /**
   * Mounts the indexed layers among a snapshot's parents, and keeps them mounted.
   *
   * @param parents their ids, nearest first
   */
  public MountLease acquire(List<Long> parents) throws ErrnoException {
    return acquire(parents, Optional.empty());
  }

  /**
   * Like {@link #acquire(List)}.
   *
   * @param mapping the mapping for the id-mapped mounts of the same layers, if there is one
   */
  public MountLease acquire(List<Long> parents, Optional<LinuxPath> mapping) throws ErrnoException {
    LayerRefCounts.@Nullable Chained nearest = LayerRefCounts.Chained.of(parents);
    refCounts.acquire(nearest);
    MountLease lease = new MountLease(refCounts.shared(nearest), mapping);
    try {
      mountLayers(parents);
      return lease;
    } catch (ErrnoException | RuntimeException | Error e) {
      lease.close();
      throw e;
    }
  }

  /**
   * Acquires the layers below a snapshot of an earlier daemon, without mounting them.
   *
   * @param nearest the nearest layer below it, with those below that
   * @param mapping the mapping for the id-mapped mounts of the same layers, if there is one
   */
  void restore(long id, LayerRefCounts.@Nullable Chained nearest, Optional<LinuxPath> mapping) {
    var _ = refCounts.acquire(nearest);
    new MountLease(nearest, mapping).transferTo(id);
  }

  /** Mounts the indexed layers among a snapshot's parents that are not mounted. */
  public void mountLayers(List<Long> parents) throws ErrnoException {
    for (long id : parents) {
      // A caller that uses only directories does not wait for callers that mount layers.
      if (id == converting || indexedLayers.find(id).isPresent()) {
        mountLayers(id);
      }
    }
  }

  /**
   * Unmounts layers whose files are rebuilt, so that they can be mounted again. Open files and
   * mounted overlays keep the old files.
   *
   * @return the device numbers of the layers that were mounted, by snapshot id
   */
  Map<Long, Long> unmount(Set<Long> ids) {
    Map<Long, Long> found = new HashMap<>();
    for (long id : ids) {
      try (var _ = locks.hold(id)) {
        if (mounts.isMounted(id)) {
          found.put(id, mounts.device(id));
        }
        // If another process has unmounted it, its id-mapped mounts may remain.
        mounts.unmount(id);
      } catch (ErrnoException e) {
        // If the directory is gone, the mount is gone as well.
        log.warn("cannot unmount a layer that is rebuilt id={} error=\"{}\"", id, e.getMessage());
      }
    }
    return found;
  }

  /** Mounts those of the layers that are referenced. If that fails, a request tries again. */
  void mountNeeded(Set<Long> ids) {
    for (long id : ids) {
      if (refCounts.isReferenced(id)) {
        try {
          mountLayers(List.of(id));
        } catch (ErrnoException e) {
          log.warn("layer cannot be mounted now id={} error=\"{}\"", id, e.getMessage());
        }
      }
    }
  }

  private void mountLayers(long id) throws ErrnoException {
    try (var _ = locks.hold(id)) {
      // Looked up again, because the layer may have become a directory meanwhile.
      Optional<LayerForm.Indexed> form = indexedLayers.find(id);
      if (form.isPresent() && !directories.isDamaged(id)) {
        mount(id, form.get());
      }
    }
  }

  private void mount(long id, LayerForm.Indexed form) throws ErrnoException {
    if (!mounts.isMounted(id)) {
      clear(id);
    }
    try (StoredTar tar = indexedLayers.store().openTar(form.diffId());
        Fd index = indexedLayers.store().openIndex(form.diffId(), form.index())) {
      mounts.mount(id, tar.file(), index);
    }
  }

  /**
   * Deletes the empty directories of a committed snapshot with an indexed layer, which are left
   * from the active snapshot. This happens after the commit is recorded, so a crash may leave them;
   * they would then be visible wherever the layer is not mounted.
   */
  void clear(long id) throws ErrnoException {
    clear(id, false);
  }

  private void clear(long id, boolean isUnused) throws ErrnoException {
    try (Fd directory =
        Fcntl.openat2(
            root.snapshots(),
            Root.snapshotName(id),
            Set.of(ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING),
            OpenFlag.READ_ONLY,
            OpenFlag.DIRECTORY)) {
      for (DirectoryEntry entry : new DirectoryReader().all(directory)) {
        if (!entry.name().equals(Root.FILES)) {
          TreeDeletion.delete(root.disk(), directory, entry.name());
        } else if (!isRemoved(directory, entry.name()) && isUnused) {
          deleteTree(id, directory);
        }
      }
    }
  }

  private void deleteTree(long id, Fd directory) throws ErrnoException {
    // The record of a failed conversion may be on the disk, and then the next start needs the tree.
    if (indexedLayers.isJournalTrusted()) {
      try (SnapshotDirectories.Staged garbage = directories.stage(id)) {
        root.disk().rename(directory, Root.FILES, garbage.directory(), Root.FILES);
      }
    }
  }

  /** {@return whether a directory was empty and has been removed} */
  private boolean isRemoved(Fd parent, LinuxPath name) throws ErrnoException {
    try {
      root.disk().removeDirectory(parent, name);
      return true;
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOTEMPTY)) {
        return false;
      }
      throw e;
    }
  }

  // Conversion of layers.

  /** Gives a layer its other form, and records that. */
  @FunctionalInterface
  public interface FormChange {
    void run() throws ErrnoException;
  }

  /** {@return the ids of the active snapshots and views on top of a layer} */
  List<Long> users(long layer) {
    return leases.entrySet().stream()
        .filter(lease -> lease.getValue().isOn(layer))
        .map(Map.Entry::getKey)
        .toList();
  }

  /** {@return whether an active snapshot, a view or a request uses a layer} */
  public boolean isUsed(long id) {
    return refCounts.isReferenced(id);
  }

  /**
   * Changes the form of a layer unless it is used. A request that needs it meanwhile waits.
   *
   * @return whether the form was changed
   */
  public boolean convert(long id, FormChange change) throws ErrnoException {
    try (var _ = locks.hold(id)) {
      // In this order: a caller acquires a layer before it asks whether the layer is converted.
      converting = id;
      if (isUsed(id)) {
        return false;
      }
      mounts.unmount(id);
      change.run();
      deleteUnusedTree(id);
      return true;
    } finally {
      converting = Root.NO_SNAPSHOT;
    }
  }

  /** Deletes the tree that an unused, unmounted layer had before it became indexed. */
  private void deleteUnusedTree(long id) {
    if (indexedLayers.find(id).isEmpty()) {
      return;
    }
    try {
      clear(id, true);
    } catch (ErrnoException e) {
      // The directory is gone with a removed snapshot. Otherwise, the next unmount tries again.
      if (!e.is(Errno.ENOENT)) {
        log.warn(
            "cannot delete the tree of a converted layer id={} error=\"{}\"", id, e.getMessage());
      }
    }
  }

  /** Releases the lease of a snapshot, if it has one. */
  public void release(long id) {
    @Nullable MountLease lease = leases.remove(id);
    if (lease != null) {
      drop(lease);
    }
  }

  private void drop(MountLease lease) {
    LayerRefCounts.@Nullable Chained nearest = lease.nearest;
    if (nearest != null) {
      lease.mapping.ifPresent(
          name -> {
            idMappedRefs.drop(name, nearest);
            unmountMapped();
          });
      refCounts.release(nearest).stream()
          .filter(id -> indexedLayers.find(id).isPresent())
          .forEach(this::unmountLater);
    }
  }

  /** Without a delay, because id-mapped mounts are quick to create again. */
  private void unmountMapped() {
    if (!later.isShutdown()) {
      later.execute(idMappedRefs::unmountUnused);
    }
  }

  private void unmountLater(long id) {
    if (!later.isShutdown()) {
      var _ = later.schedule(() -> unmountIfUnused(id), UNUSED_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  private void unmountIfUnused(long id) {
    // The check comes after the lock: a caller that needs the layer from now on waits for the lock
    // and mounts the layer again.
    try (var _ = locks.hold(id)) {
      if (!isMountNeeded(id)) {
        mounts.unmount(id);
        deleteUnusedTree(id);
      }
    } catch (ErrnoException e) {
      // The mount is gone with the directory of a removed snapshot.
      if (!e.is(Errno.ENOENT)) {
        log.warn("cannot unmount layer id={} error=\"{}\"", id, e.getMessage());
      }
    } catch (RuntimeException e) {
      // A bug, which the executor would not report.
      log.error("cannot unmount layer id={}", id, e);
    }
  }

  /**
   * Unmounts the mounts of an earlier daemon that are not referenced.
   *
   * <p>Called after all references have been acquired.
   */
  void unmountOthers() throws ErrnoException {
    unmountMapped();
    for (long id : mounts.mounted()) {
      if (!isMountNeeded(id)) {
        unmountLater(id);
      }
    }
  }

  /**
   * Deletes the trees in {@code superseded/}, which an earlier version has kept for containers that
   * ran on converted layers, {@code ID-N} with the id of the layer, unless the layer is still used.
   *
   * <p>Called after all references have been acquired.
   */
  void deleteObsoleteTrees() throws ErrnoException {
    for (LinuxPath name : root.supersededNames()) {
      long id = Root.snapshotId(LinuxPath.of(name.toString().replaceFirst("-.*", "")));
      if (id != Root.NO_SNAPSHOT && !isUsed(id)) {
        LinuxPath tree = Root.SUPERSEDED.resolve(name);
        try (SnapshotDirectories.Staged garbage = directories.stage(id)) {
          root.disk().rename(root.directory(), tree, garbage.directory(), Root.FILES);
        } catch (ErrnoException e) {
          log.warn("cannot delete an obsolete tree name={} error=\"{}\"", name, e.getMessage());
        }
      }
    }
  }

  private boolean isMountNeeded(long id) {
    return refCounts.isReferenced(id) && indexedLayers.find(id).isPresent();
  }

  /** Leaves all mounts in place. */
  @Override
  public void close() {
    later.close();
  }
}
