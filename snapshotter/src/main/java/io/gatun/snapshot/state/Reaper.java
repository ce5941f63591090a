package io.gatun.snapshot.state;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.concurrent.Outcomes;
import io.gatun.snapshot.filetree.ParallelDeletion;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes the directories of removed snapshots in the background.
 *
 * <p>No request depends on it, so it runs at the rate that {@link DeletionThrottle} allows.
 *
 * <p>It checks once more that a directory has no record, moves it to {@code trash/}, and deletes
 * the tree. Neither step has to be durable. The next start submits again whatever a crash leaves in
 * {@code trash/}, or without a record in {@code snapshots/}; the next cleanup submits failed
 * deletions. The queue holds only names, and the number of snapshots bounds it.
 */
public final class Reaper implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Reaper.class);

  private final Disk disk;
  private final Root root;
  private final MetadataStore store;
  private final IndexMounts mounts;
  private final DeletionThrottle throttle;
  private final ParallelDeletion deletion;
  private final Thread thread;
  private final Queue<LinuxPath> waiting = new ArrayDeque<>();
  private boolean busy;
  private boolean closed;

  /**
   * @param mounts the mounts on the directories, and the id-mapped mounts of these
   */
  Reaper(
      Root root, MetadataStore store, IndexMounts mounts, DeletionThrottle throttle, int threads) {
    this.disk = root.disk();
    this.root = root;
    this.store = store;
    this.mounts = mounts;
    this.throttle = throttle;
    this.deletion = new ParallelDeletion(disk, threads, throttle);
    this.thread = Thread.ofPlatform().name("gatun-reaper").daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /**
   * Queues the directory of a snapshot without a record, in {@code snapshots/} or {@code trash/}.
   */
  public void submit(long id) {
    submit(Root.snapshotName(id));
  }

  /** Queues an entry of the trash, or the directory of the snapshot with this name. */
  public synchronized void submit(LinuxPath name) {
    waiting.add(name);
    notifyAll();
  }

  /** Waits until every submitted directory is deleted, or its deletion has failed. */
  public synchronized void awaitIdle() {
    boolean interrupted = false;
    while ((busy || !waiting.isEmpty()) && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    for (LinuxPath name = next(); name != null; name = next()) {
      reap(name);
    }
  }

  private synchronized @Nullable LinuxPath next() {
    busy = false;
    notifyAll();
    while (waiting.isEmpty() && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        // Only the end of the JVM interrupts this thread; close() stops it otherwise.
        closed = true;
      }
    }
    if (closed) {
      return null;
    }
    busy = true;
    return waiting.poll();
  }

  private void reap(LinuxPath name) {
    try {
      if (mayDelete(name)) {
        deletion.delete(moveToTrash(name), name);
        log.debug("deleted directory={}", name);
      }
    } catch (ErrnoException e) {
      log.warn(
          "cannot delete directory={} now, the next cleanup or start tries again error={}",
          name,
          e.getMessage());
    } catch (CancellationException e) {
      log.debug("deleting directory={} goes on after the next start", name);
    } catch (RuntimeException e) {
      // A bug, which must not block other deletions and the cleanups that wait for them.
      log.error("cannot delete directory={}", name, e);
    }
  }

  private boolean mayDelete(LinuxPath name) {
    long id = Root.snapshotId(name);
    if (id == Root.NO_SNAPSHOT) {
      return true;
    }
    // Ask about the journal first: the record of a failed creation may be on disk. The next start
    // would then find the record, which needs its directory.
    if (!store.isJournalTrusted()) {
      log.warn(
          "cannot delete directory={} now, the next cleanup or start tries again"
              + " error=\"the metadata store is not certain that it has no record\"",
          name);
      return false;
    }
    if (store.find(id).isPresent()) {
      throw new IllegalStateException("snapshot " + id + " has a record and is to be deleted");
    }
    return true;
  }

  /** {@return the directory that contains the tree afterwards, if the tree still exists} */
  private Fd moveToTrash(LinuxPath name) throws ErrnoException {
    if (Root.snapshotId(name) == Root.NO_SNAPSHOT) {
      return root.trash();
    }
    hide(Root.snapshotId(name));
    try {
      moveDetached(name);
    } catch (ErrnoException e) {
      switch (e.errno()) {
        // An earlier attempt moved it.
        case ENOENT -> {}
        // The disk has no room for the name in trash/. Deleting the tree in place makes room.
        case ENOSPC, EDQUOT -> {
          return root.snapshots();
        }
        default -> throw e;
      }
    }
    return root.trash();
  }

  /**
   * Unmounts the id-mapped mounts of a snapshot; processes that already use one keep it. After a
   * failure a mount may stay for ever, but the deletion proceeds.
   */
  private void hide(long id) {
    try {
      mounts.idMapped().unmount(id);
    } catch (ErrnoException e) {
      log.warn(
          "what is removed may still be shown to user namespaces id={} error=\"{}\"",
          id,
          e.getMessage());
    }
  }

  private void moveDetached(LinuxPath name) throws ErrnoException {
    try {
      disk.rename(root.snapshots(), name, root.trash(), name);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EBUSY)) {
        throw e;
      }
      mounts.unmount(Root.snapshotId(name));
      disk.rename(root.snapshots(), name, root.trash(), name);
    }
  }

  /** Stops at once. The next start finds the remaining directories again. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    throttle.close();
    Outcomes.join(thread);
    deletion.close();
  }
}
