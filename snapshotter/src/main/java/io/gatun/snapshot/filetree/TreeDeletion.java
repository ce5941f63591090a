package io.gatun.snapshot.filetree;

import io.gatun.linux.AtFlag;
import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Stat;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.InodeProtection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Deletes a tree. Nothing is followed and no mount is entered, so that nothing outside the tree is
 * ever touched; what a container made immutable is deleted all the same.
 */
public final class TreeDeletion {

  /**
   * POSIX lets a filesystem skip names when others are removed while a directory is read. A
   * directory that is still not empty after this many passes is being filled by somebody.
   */
  private static final int PASSES_MAX = 3;

  /** Says when the next thing may be removed. */
  @FunctionalInterface
  public interface Pace {

    /** Returns when it may. A failure ends the deletion, whatever it is. */
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

  /**
   * Deletes a file, or a directory with all that is in it. It is no failure if there is no such
   * thing.
   */
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

  /**
   * A directory that is to be emptied, and then removed by whoever removes the last thing in it.
   */
  private final class Directory {
    private final @Nullable Directory parent;
    private final TreeDirectory above;
    private final TreeDirectory place;

    /** Those in it that are not yet removed, and one for as long as names are still read. */
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
      // Whoever reads on may be the last to need the descriptor, so nothing is left to do with it
      // here; and where the newest task comes first, what was found is emptied before more is read.
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
          // Most snapshots have nothing in the directories that they are made of.
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

    /** {@return whether it is gone; otherwise it is being emptied once more} */
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

  /** Goes up as far as directories have become empty; a loop, for there may be thousands. */
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

  /** {@return whether it is gone} What keeps it, whoever looks into it will meet again. */
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
