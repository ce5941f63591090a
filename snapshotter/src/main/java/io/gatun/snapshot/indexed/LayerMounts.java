package io.gatun.snapshot.indexed;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.ResolveFlag;
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
 * Sees to it that the indexed layers below active snapshots and views are mounted, and that others
 * are not for long.
 *
 * <p>What a snapshot needs are all layers below it, in whatever form they are: that may change, and
 * then who is on top of them needs them mounted.
 *
 * <p>Mounts come and go by themselves: with a start of the machine, or because somebody takes them
 * away. So whoever is about to use layers has them {@link #mountLayers shown} again. They stay when
 * the daemon ends, for the containers that run on them. A layer that nobody uses is kept mounted
 * for a moment, since the layers of an image are unpacked one on top of the other.
 */
public final class LayerMounts implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LayerMounts.class);

  static final long UNUSED_MILLIS = 10_000;

  private final Root root;
  private final IndexedLayers indexedLayers;
  private final IndexMounts mounts;
  private final SnapshotDirectories directories;
  private final ObsoleteTrees obsoleteTrees;
  private final ScheduledThreadPoolExecutor later;

  /** What active snapshots, views and requests need. */
  private final LayerRefCounts refCounts = new LayerRefCounts();

  /**
   * Who mounts or unmounts a layer, which takes as long as a disk may, keeps nobody else waiting.
   */
  private final KeyedLock<Long> locks = new KeyedLock<>();

  /** What of that they need with other owners. */
  private final IdMappedRefs idMappedRefs;

  /** What each active snapshot and view needs. */
  private final Map<Long, MountLease> leases = new ConcurrentHashMap<>();

  /**
   * @param directories which know the damaged layers, which nobody is shown
   */
  LayerMounts(
      Root root,
      IndexedLayers indexedLayers,
      IndexMounts mounts,
      SnapshotDirectories directories,
      ObsoleteTrees obsoleteTrees) {
    this.root = root;
    this.indexedLayers = indexedLayers;
    this.mounts = mounts;
    this.directories = directories;
    this.idMappedRefs = new IdMappedRefs(mounts.idMapped());
    this.obsoleteTrees = obsoleteTrees;
    this.later =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().daemon().name("gatun-unmounts").unstarted(task));
    later.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    later.setRemoveOnCancelPolicy(true);
  }

  /** Layers that somebody needs to be mounted, until this is closed. */
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

    /** Says that from now on a snapshot needs them. */
    public void transferTo(long id) {
      if (nearest != null) {
        isTransferred = true;
        leases.put(id, this);
      }
    }

    @Override
    public void close() {
      if (!isTransferred) {
        drop(this);
      }
    }
  }

  /**
   * Mounts those of a snapshot's parents that have to be, and keeps them mounted.
   *
   * @param parents by their ids
   */
  public MountLease acquire(List<Long> parents) throws ErrnoException {
    return acquire(parents, Optional.empty());
  }

  /**
   * As before.
   *
   * @param mapping through which they will be shown, too, if there is one
   */
  public MountLease acquire(List<Long> parents, Optional<LinuxPath> mapping) throws ErrnoException {
    LayerRefCounts.@Nullable Chained nearest = LayerRefCounts.Chained.of(parents);
    refCounts.acquire(nearest);
    MountLease lease = new MountLease(refCounts.shared(nearest), mapping);
    boolean isShown = false;
    try {
      mountLayers(parents);
      isShown = true;
      return lease;
    } finally {
      if (!isShown) {
        lease.close();
      }
    }
  }

  /**
   * Does the same for a snapshot that was there before this daemon. What cannot be mounted now is
   * mounted when somebody asks for it.
   *
   * @param nearest of the layers below it
   * @param mapping through which they are shown, too, if there is one
   */
  void restore(long id, LayerRefCounts.@Nullable Chained nearest, Optional<LinuxPath> mapping) {
    MountLease lease = new MountLease(nearest, mapping);
    for (long layer : refCounts.acquire(nearest)) {
      try {
        mountLayers(List.of(layer));
      } catch (ErrnoException e) {
        log.warn("layer cannot be mounted now id={} error=\"{}\"", layer, e.getMessage());
      }
    }
    lease.transferTo(id);
  }

  /** Mounts those of a snapshot's parents that have to be, and are not any more. */
  public void mountLayers(List<Long> parents) throws ErrnoException {
    for (long id : parents) {
      // Whoever uses directories alone does not wait for those who mount layers.
      if (indexedLayers.find(id).isPresent()) {
        mountLayers(id);
      }
    }
  }

  /**
   * Takes layers away whose files are made anew, which then may be mounted anew. Who has files of
   * them open, or an overlay on them, keeps what he has.
   *
   * @return the filesystems of those that were mounted
   */
  Map<Long, Long> unmount(Set<Long> ids) {
    Map<Long, Long> found = new HashMap<>();
    for (long id : ids) {
      try (var _ = locks.hold(id)) {
        if (mounts.isMounted(id)) {
          found.put(id, mounts.device(id));
        }
        // It may be shown with other owners alone, after somebody has unmounted it.
        mounts.unmount(id);
      } catch (ErrnoException e) {
        // With the directory, if that is why, the mount has gone.
        log.warn("cannot unmount layer that is made anew id={} error=\"{}\"", id, e.getMessage());
      }
    }
    return found;
  }

  /** Mounts those layers that somebody needs. */
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
      // Once more, since it may have become a directory meanwhile.
      Optional<LayerForm.Indexed> form = indexedLayers.find(id);
      if (form.isPresent() && !directories.isDamaged(id)) {
        mount(id, form.get());
      }
    }
  }

  private void mount(long id, LayerForm.Indexed form) throws ErrnoException {
    Optional<Fd> tree = mounts.isMounted(id) ? Optional.empty() : openTree(id);
    try (StoredTar tar = indexedLayers.store().openTar(form.diffId());
        Fd index = indexedLayers.store().openIndex(form.diffId(), form.index())) {
      mounts.mount(id, tar.file(), index);
      if (tree.isPresent()) {
        setAside(id, tree.get());
      }
    } finally {
      tree.ifPresent(Fd::close);
    }
  }

  /**
   * Takes a tree away that a layer had before it was converted. Only now that the index is mounted,
   * so that the path of the layer leads to its files all the while.
   */
  private void setAside(long id, Fd directory) throws ErrnoException {
    if (!indexedLayers.isJournalTrusted()) {
      // The record of a conversion that failed may turn up at the next start, and need the tree.
      return;
    }
    try {
      obsoleteTrees.setAside(id, directory);
    } catch (ErrnoException e) {
      // So that whoever shows the layer next tries again.
      mounts.unmount(id);
      throw e;
    }
  }

  /**
   * Takes away what is in the directory of a snapshot whose layer is kept: the empty directories of
   * the active snapshot that it was. That is done when the commit is recorded, so that a crash may
   * leave them; and then they would be seen where the layer is not mounted.
   */
  void clear(long id) throws ErrnoException {
    openTree(id).ifPresent(Fd::close);
  }

  /**
   * Does that, too, and leaves files that are there.
   *
   * @return the directory of the snapshot, open, if there are some
   */
  private Optional<Fd> openTree(long id) throws ErrnoException {
    Fd directory =
        Fcntl.openat2(
            root.snapshots(),
            Root.snapshotName(id),
            Set.of(ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING),
            OpenFlag.READ_ONLY,
            OpenFlag.DIRECTORY);
    Optional<Fd> found = Optional.empty();
    try {
      boolean hasFiles = false;
      for (DirectoryEntry entry : new DirectoryReader().all(directory)) {
        if (entry.name().equals(Root.FILES)) {
          hasFiles = !isRemoved(directory, entry.name());
        } else {
          TreeDeletion.delete(root.disk(), directory, entry.name());
        }
      }
      if (hasFiles) {
        found = Optional.of(directory);
      }
      return found;
    } finally {
      if (found.isEmpty()) {
        directory.close();
      }
    }
  }

  /** {@return whether a directory was empty, and is gone now} */
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

  // Layers that get another form.

  /** {@return whether it is known what a snapshot needs} */
  boolean isLeased(long id) {
    return leases.containsKey(id);
  }

  /** Shows a layer that has become a kept one, and takes its tree away. */
  public void replaceTree(long id) throws ErrnoException {
    mountLayers(id);
    if (!refCounts.isReferenced(id)) {
      unmountLater(id);
    }
  }

  /** Brings a tree to the place of an indexed layer, beneath its mount. */
  @FunctionalInterface
  public interface Placement {
    void run() throws ErrnoException;
  }

  /**
   * Shows the tree of a layer that is no kept one any more.
   *
   * @param placement after which that is so; the layer is not mounted meanwhile by anybody else
   */
  public void replaceMount(long id, Placement placement) throws ErrnoException {
    try (var _ = locks.hold(id)) {
      placement.run();
      mounts.unmount(id);
    }
  }

  /** Says that a snapshot, which may need none, needs no layers any more. */
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

  /** They are made anew in no time, so nothing is gained by waiting. */
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
    // In this order: who needs it from now on shows it, and waits for that.
    try (var _ = locks.hold(id)) {
      if (!isMountNeeded(id)) {
        mounts.unmount(id);
      }
    } catch (ErrnoException e) {
      // With the directory of a removed snapshot, the mount has gone.
      if (!e.is(Errno.ENOENT)) {
        log.warn("cannot unmount layer id={} error=\"{}\"", id, e.getMessage());
      }
    } catch (RuntimeException e) {
      // A bug, which nobody would hear of.
      log.error("cannot unmount layer id={}", id, e);
    }
  }

  /**
   * Has what is mounted already taken away where nobody needs it any more.
   *
   * <p>To be called when all that is needed is held.
   */
  void unmountOthers() throws ErrnoException {
    unmountMapped();
    for (long id : mounts.mounted()) {
      if (!isMountNeeded(id)) {
        unmountLater(id);
      }
    }
  }

  private boolean isMountNeeded(long id) {
    return refCounts.isReferenced(id) && indexedLayers.find(id).isPresent();
  }

  /** Leaves all mounts as they are. */
  @Override
  public void close() {
    later.close();
  }
}
