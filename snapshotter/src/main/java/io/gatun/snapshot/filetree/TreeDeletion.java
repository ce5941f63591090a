package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.InodeProtection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Deletes a tree, including files with the immutable flag. Never follows symbolic links or enters
 * mounts, which keeps the deletion inside the tree.
 */
public final class TreeDeletion {

  /**
   * POSIX lets a filesystem skip names when others are removed during a directory read. A directory
   * that is still not empty after this many passes is being filled concurrently.
   */
  private static final int PASSES_MAX = 3;

  /** Limits the rate of removals. */
  @FunctionalInterface
  public interface Pace {

    /** Returns when the next removal may start. A failure ends the deletion. */
    void await();
  }

  private final Disk disk;
  private final TreeWork work;
  private final Pace pace;

  private TreeDeletion(Disk disk, TreeWork work, Pace pace) {
    this.disk = disk;
    this.work = work;
    this.pace = pace;
  }

  /** Deletes a file or a directory tree. Does nothing if it does not exist. */
  public static void delete(Disk disk, Fd parent, LinuxPath name) throws ErrnoException {
    delete(disk, parent, name, new SerialTreeWork(), () -> {});
  }

  static void delete(Disk disk, Fd parent, LinuxPath name, TreeWork work, Pace pace)
      throws ErrnoException {
    Optional<FileStatus> status = Stat.tryStatx(parent, name, AtFlag.SYMLINK_NOFOLLOW);
    if (status.isEmpty()) {
      return;
    }
    TreeDeletion deletion = new TreeDeletion(disk, work, pace);
    if (status.get().type() != NodeType.DIRECTORY) {
      deletion.removeFile(parent, name, status.get().type());
      return;
    }
    try (TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeDirectory above = TreeDirectory.top(descriptors, parent);
      Directory top = deletion.new Directory(null, above, above.child(name));
      work.run(top::enter);
    }
  }

  /** A directory to empty. The thread that removes its last entry removes it. */
  private final class Directory {
    private final @Nullable Directory parent;
    private final TreeDirectory above;
    private final TreeDirectory place;

    /** The entries left, plus one while names are still being read. */
    private final AtomicInteger unfinished = new AtomicInteger(1);

    private int passes;

    Directory(@Nullable Directory parent, TreeDirectory above, TreeDirectory place) {
      this.parent = parent;
      this.above = above;
      this.place = place;
    }

    void enter() throws ErrnoException {
      above.expect();
      clear(place.enter());
    }

    private void clear(Fd fd) throws ErrnoException {
      TreeBatch batch = TreeBatch.read(fd);
      List<Directory> children = new ArrayList<>();
      for (DirectoryEntry entry : batch.entries()) {
        clear(fd, entry.name(), entry.type(), children);
      }
      // Forked last: the continuation may close the descriptor. Since the newest task runs first,
      // the children are emptied before more names are read.
      if (!batch.isLast()) {
        work.fork(() -> clear(fd));
      }
      children.forEach(child -> work.fork(child::enter));
      if (batch.isLast()) {
        place.leave();
        finish(this);
      }
    }

    private void clear(Fd fd, LinuxPath name, NodeType type, List<Directory> children)
        throws ErrnoException {
      switch (type) {
        case DIRECTORY -> {
          // The directories directly in a snapshot's are usually empty.
          boolean isTop = parent == null;
          if (!isTop || !removeIfEmpty(fd, name)) {
            unfinished.incrementAndGet();
            children.add(new Directory(this, place, place.child(name)));
          }
        }
        case UNKNOWN -> {
          Optional<FileStatus> status = Stat.tryStatx(fd, name, AtFlag.SYMLINK_NOFOLLOW);
          if (status.isPresent()) {
            clear(fd, name, status.get().type(), children);
          }
        }
        case REGULAR, SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET ->
            removeFile(fd, name, type);
      }
    }

    /** {@return whether it is gone; otherwise another pass has been forked} */
    private boolean removeSelf() throws ErrnoException {
      Fd fd = above.open();
      try {
        removeDirectory(fd, place.name());
      } catch (ErrnoException e) {
        passes++;
        if (!e.is(Errno.ENOTEMPTY) || passes == PASSES_MAX) {
          throw e;
        }
        unfinished.set(1);
        place.expect();
        work.fork(this::enter);
        return false;
      } finally {
        above.release();
      }
      above.forget();
      return true;
    }
  }

  /** Removes all parents that have become empty, in a loop because there may be thousands. */
  private static void finish(Directory from) throws ErrnoException {
    for (Directory at = from; at != null && at.unfinished.decrementAndGet() == 0; at = at.parent) {
      if (!at.removeSelf()) {
        return;
      }
    }
  }

  private void removeFile(Fd parent, LinuxPath name, NodeType type) throws ErrnoException {
    pace.await();
    try {
      disk.removeFile(parent, name);
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOENT)) {
        return;
      }
      if (!e.is(Errno.EPERM)) {
        throw e;
      }
      InodeProtection.remove(disk, parent);
      if (type == NodeType.REGULAR) {
        InodeProtection.remove(disk, parent, name);
      }
      disk.removeFile(parent, name);
    }
  }

  private void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    pace.await();
    try {
      disk.removeDirectory(parent, name);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EPERM)) {
        throw e;
      }
      InodeProtection.remove(disk, parent);
      InodeProtection.remove(disk, parent, name);
      disk.removeDirectory(parent, name);
    }
  }

  /** Tries rmdir. Any obstacle shows again when the directory is entered. */
  private boolean removeIfEmpty(Fd parent, LinuxPath name) throws ErrnoException {
    try {
      disk.removeDirectory(parent, name);
    } catch (ErrnoException e) {
      return switch (e.errno()) {
        case ENOTEMPTY, EPERM, EBUSY -> false;
        default -> throw e;
      };
    }
    pace.await();
    return true;
  }
}
