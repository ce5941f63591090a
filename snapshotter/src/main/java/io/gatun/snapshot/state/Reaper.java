package io.gatun.snapshot.state;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
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
 * Deletes, in the background, the directories of snapshots that are gone.
 *
 * <p>Nobody waits for it, so it takes the time that {@link DeletionThrottle} leaves it.
 *
 * <p>A directory is first moved to {@code trash/}, after one more look at whether it really has no
 * record; then its tree is deleted. Neither step has to be durable: what a crash leaves in {@code
 * snapshots/} without a record, or in {@code trash/}, is submitted again at the next start, and
 * what could not be deleted by the next cleanup. The queue holds names only and is bounded by the
 * number of snapshots.
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
   * @param mounts what is mounted on directories, or shows them with other owners
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

  /** Has the directory of a snapshot deleted that has no record, wherever in its life it is. */
  public void submit(long id) {
    submit(Root.snapshotName(id));
  }

  /** Has something in the trash, or the directory of a snapshot of this name, deleted. */
  public synchronized void submit(LinuxPath name) {
    waiting.add(name);
    notifyAll();
  }

  /**
   * Waits until everything submitted so far is deleted, or has turned out not to be deletable now.
   */
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
        // Nobody interrupts this thread but a JVM that ends; close() is how it is stopped.
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
      // A bug; it must not keep everything else from being deleted, and cleanups waiting.
      log.error("cannot delete directory={}", name, e);
    }
  }

  private boolean mayDelete(LinuxPath name) {
    long id = Root.snapshotId(name);
    if (id == Root.NO_SNAPSHOT) {
      return true;
    }
    // In this order: the record of a creation that failed may be on the disk, and turn up at the
    // next start, where it has to find its directory.
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

  /** {@return the directory that it is in afterwards, if it is anywhere} */
  private Fd moveToTrash(LinuxPath name) throws ErrnoException {
    if (Root.snapshotId(name) == Root.NO_SNAPSHOT) {
      return root.trash();
    }
    hide(Root.snapshotId(name));
    try {
      moveDetached(name);
    } catch (ErrnoException e) {
      switch (e.errno()) {
        // It was moved before.
        case ENOENT -> {}
        // Not even for its name there is room in trash/, and deleting it is what would make some.
        case ENOSPC, EDQUOT -> {
          return root.snapshots();
        }
        default -> throw e;
      }
    }
    return root.trash();
  }

  /** Where it is shown it stays with those who use it, and may be shown for ever; but it goes. */
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

  /** Stops at once; what is left is found again at the next start. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    throttle.close();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    deletion.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
