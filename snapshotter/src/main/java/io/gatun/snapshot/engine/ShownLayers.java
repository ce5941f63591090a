package io.gatun.snapshot.engine;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.ResolveFlag;
import io.gatun.snapshot.apply.store.LayerStore;
import io.gatun.snapshot.apply.store.StoredTar;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.disk.Root;
import io.gatun.snapshot.driver.IndexMounts;
import io.gatun.snapshot.driver.KeyedLock;
import io.gatun.snapshot.driver.TreeDeletion;
import io.gatun.snapshot.metadata.LayerForm;
import java.util.HashSet;
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
 * Sees to it that the kept layers below active snapshots and views are mounted, and that others are
 * not for long.
 *
 * <p>Mounts come and go by themselves: with a start of the machine, or because somebody takes them
 * away. So whoever is about to use layers has them {@link #show shown} again. They stay when the
 * daemon ends, for the containers that run on them. A layer that nobody uses is kept mounted for a
 * moment, since the layers of an image are unpacked one on top of the other.
 */
final class ShownLayers implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(ShownLayers.class);

  static final long UNUSED_MILLIS = 10_000;

  private final Disk disk;
  private final Root root;
  private final LayerStore layers;
  private final KeptLayers kept;
  private final IndexMounts mounts;
  private final ScheduledThreadPoolExecutor later;

  /** What active snapshots, views and requests need. */
  private final LayerUses uses = new LayerUses();

  /**
   * Who mounts or unmounts a layer, which takes as long as a disk may, keeps nobody else waiting.
   */
  private final KeyedLock<Long> locks = new KeyedLock<>();

  /** What each active snapshot and view needs. */
  private final Map<Long, Hold> holds = new ConcurrentHashMap<>();

  ShownLayers(Disk disk, Root root, LayerStore layers, KeptLayers kept, IndexMounts mounts) {
    this.disk = disk;
    this.root = root;
    this.layers = layers;
    this.kept = kept;
    this.mounts = mounts;
    this.later =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().daemon().name("gatun-unmounts").unstarted(task));
    later.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    later.setRemoveOnCancelPolicy(true);
  }

  /** Layers that somebody needs to be mounted, until this is closed. */
  final class Hold implements AutoCloseable {
    private final LayerUses.@Nullable Chained nearest;
    private boolean isTaken;

    private Hold(LayerUses.@Nullable Chained nearest) {
      this.nearest = nearest;
    }

    /** Says that from now on a snapshot needs them. */
    void give(long id) {
      if (nearest != null) {
        isTaken = true;
        holds.put(id, this);
      }
    }

    @Override
    public void close() {
      if (!isTaken) {
        drop(nearest);
      }
    }
  }

  /**
   * Mounts those of a snapshot's parents that have to be, and keeps them mounted.
   *
   * @param parents by their ids
   */
  Hold hold(List<Long> parents) throws ErrnoException {
    List<Long> ids = parents.stream().filter(id -> kept.find(id).isPresent()).toList();
    Hold hold = new Hold(LayerUses.Chained.of(ids));
    if (ids.isEmpty()) {
      // Whoever uses directories alone does not wait for those who mount layers.
      return hold;
    }
    uses.take(hold.nearest);
    boolean isShown = false;
    try {
      show(ids);
      isShown = true;
      return hold;
    } finally {
      if (!isShown) {
        hold.close();
      }
    }
  }

  /**
   * Does the same for a snapshot that was there before this daemon. What cannot be mounted now is
   * mounted when somebody asks for it.
   *
   * @param nearest of its kept layers
   */
  void restore(long id, LayerUses.@Nullable Chained nearest) {
    Hold hold = new Hold(nearest);
    for (long layer : uses.take(nearest)) {
      try {
        show(List.of(layer));
      } catch (ErrnoException e) {
        log.warn("layer cannot be mounted now id={} error=\"{}\"", layer, e.getMessage());
      }
    }
    hold.give(id);
  }

  /** Mounts those of a snapshot's parents that have to be, and are not any more. */
  void show(List<Long> parents) throws ErrnoException {
    for (long id : parents) {
      Optional<LayerForm.Indexed> form = kept.find(id);
      if (form.isPresent()) {
        show(id, form.get());
      }
    }
  }

  /**
   * Takes layers away whose files are made anew, which then may be mounted anew. Who has files of
   * them open, or an overlay on them, keeps what he has.
   *
   * @return those that were mounted
   */
  Set<Long> unmount(Set<Long> ids) {
    Set<Long> found = new HashSet<>();
    for (long id : ids) {
      try (var _ = locks.hold(id)) {
        if (mounts.isMounted(id)) {
          found.add(id);
          mounts.unmount(id);
        }
      } catch (ErrnoException e) {
        // With the directory, if that is why, the mount has gone.
        log.warn("cannot unmount damaged layer id={} error=\"{}\"", id, e.getMessage());
      }
    }
    return found;
  }

  /** Mounts those layers that somebody needs. */
  void showNeeded(Set<Long> ids) {
    for (long id : ids) {
      if (uses.isNeeded(id)) {
        try {
          show(List.of(id));
        } catch (ErrnoException e) {
          log.warn("layer cannot be mounted now id={} error=\"{}\"", id, e.getMessage());
        }
      }
    }
  }

  private void show(long id, LayerForm.Indexed form) throws ErrnoException {
    try (var _ = locks.hold(id)) {
      mount(id, form);
    }
  }

  private void mount(long id, LayerForm.Indexed form) throws ErrnoException {
    if (!mounts.isMounted(id)) {
      clear(id);
    }
    try (StoredTar tar = layers.openTar(form.diffId());
        Fd index = layers.openIndex(form.diffId(), form.index())) {
      mounts.mount(id, tar.file(), index);
    }
  }

  /**
   * Takes away what is in the directory of a snapshot whose layer is kept: the empty directories of
   * the active snapshot that it was. That is done when the commit is recorded, so that a crash may
   * leave them; and then they would be seen where the layer is not mounted.
   */
  void clear(long id) throws ErrnoException {
    try (Fd directory =
        Fcntl.openat2(
            root.snapshots(),
            Root.snapshotName(id),
            Set.of(ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING),
            OpenFlag.READ_ONLY,
            OpenFlag.DIRECTORY)) {
      for (DirectoryEntry entry : new DirectoryReader().all(directory)) {
        if (entry.name().equals(Root.FILES)) {
          // Whatever is in it is no garbage.
          disk.removeDirectory(directory, entry.name());
        } else {
          TreeDeletion.delete(disk, directory, entry.name());
        }
      }
    }
  }

  /** Says that a snapshot, which may need none, needs no layers any more. */
  void release(long id) {
    @Nullable Hold hold = holds.remove(id);
    if (hold != null) {
      drop(hold.nearest);
    }
  }

  private void drop(LayerUses.@Nullable Chained nearest) {
    if (nearest != null) {
      uses.drop(nearest).forEach(this::unmountLater);
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
      if (!uses.isNeeded(id)) {
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
    for (long id : mounts.mounted()) {
      if (!uses.isNeeded(id)) {
        unmountLater(id);
      }
    }
  }

  /** Leaves all mounts as they are. */
  @Override
  public void close() {
    later.shutdownNow();
    boolean isInterrupted = false;
    while (!later.isTerminated()) {
      try {
        later.awaitTermination(1, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
