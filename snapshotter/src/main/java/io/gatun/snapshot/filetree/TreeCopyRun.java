package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Io;
import java.util.concurrent.atomic.AtomicInteger;

final class TreeCopyRun {

  private static final OpenFlag[] SOURCE_FLAGS = {
    OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.NON_BLOCKING, OpenFlag.NO_ACCESS_TIME
  };
  private static final OpenFlag[] SOURCE_FLAGS_OF_OTHERS = {
    OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.NON_BLOCKING
  };

  private final Disk disk;
  private final TreeWork work;
  private final AttributeCopy attributes;
  private final ContentCopy content;
  private final HardLinks hardLinks;

  TreeCopyRun(Disk disk, TreeWork work, AttributeCopy attributes, ContentCopy content) {
    this.disk = disk;
    this.work = work;
    this.attributes = attributes;
    this.content = content;
    this.hardLinks = new HardLinks(disk);
  }

  /**
   * {@return the task that copies a directory's content and then finishes the copy}
   *
   * @param status the status of the source
   * @param initialMode the mode of the target
   */
  Io.Action top(TreeDirectory source, FileStatus status, TreeDirectory target, int initialMode) {
    return () -> new Directory(source, status, target, initialMode).begin();
  }

  /**
   * One directory. Several threads may copy its batches of names; the last to finish sets the
   * attributes of the copy. Only new names change its times, which then stay.
   */
  private final class Directory {
    private final TreeDirectory source;
    private final FileStatus status;
    private final TreeDirectory target;
    private final int initialMode;
    private final Fd sourceFd;
    private final Fd targetFd;
    private final AtomicInteger unfinishedBatches = new AtomicInteger(1);

    Directory(TreeDirectory source, FileStatus status, TreeDirectory target, int initialMode)
        throws ErrnoException {
      this.source = source;
      this.status = status;
      this.target = target;
      this.initialMode = initialMode;
      this.sourceFd = source.enter();
      this.targetFd = target.enter();
    }

    void begin() throws ErrnoException {
      TreeBatch batch = TreeBatch.read(sourceFd);
      if (!batch.isLast()) {
        unfinishedBatches.incrementAndGet();
        work.fork(this::begin);
      }
      for (DirectoryEntry entry : batch.entries()) {
        copy(entry);
      }
      if (unfinishedBatches.decrementAndGet() == 0) {
        finish();
      }
    }

    private void finish() throws ErrnoException {
      attributes.finish(sourceFd, status, targetFd, initialMode);
      source.leave();
      target.leave();
    }

    private void copy(DirectoryEntry entry) throws ErrnoException {
      LinuxPath name = entry.name();
      switch (entry.type()) {
        case DIRECTORY -> copyDirectory(name);
        case REGULAR -> copyFile(name);
        case SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO -> copyNode(name, status(name));
        case SOCKET -> {}
        case UNKNOWN -> {
          FileStatus status = status(name);
          copy(new DirectoryEntry(name, status.type(), status.inode()));
        }
      }
    }

    private FileStatus status(LinuxPath name) throws ErrnoException {
      return Stat.statx(sourceFd, name, AtFlag.SYMLINK_NOFOLLOW);
    }

    private void copyDirectory(LinuxPath name) throws ErrnoException {
      FileStatus childStatus = status(name);
      disk.createDirectory(targetFd, name, AttributeCopy.creationMode(childStatus));
      TreeDirectory from = source.child(name);
      TreeDirectory to = target.child(name);
      work.fork(
          () -> new Directory(from, childStatus, to, attributes.initialMode(childStatus)).begin());
    }

    private void copyFile(LinuxPath name) throws ErrnoException {
      try (Fd from = openSource(name)) {
        FileStatus status = Stat.statx(from);
        Fd created =
            hardLinks.createOrLink(
                status,
                target,
                targetFd,
                name,
                () -> disk.createFile(targetFd, name, AttributeCopy.creationMode(status)));
        if (created != null) {
          try (Fd to = created) {
            content.copy(from, status.sizeBytes(), to);
            attributes.finish(from, status, to);
          }
        }
      }
    }

    private Fd openSource(LinuxPath name) throws ErrnoException {
      try {
        return Fcntl.openat(sourceFd, name, SOURCE_FLAGS);
      } catch (ErrnoException e) {
        if (!e.is(Errno.EPERM)) {
          throw e;
        }
        // O_NOATIME requires the owner or CAP_FOWNER (open(2)).
        return Fcntl.openat(sourceFd, name, SOURCE_FLAGS_OF_OTHERS);
      }
    }

    private void copyNode(LinuxPath name, FileStatus status) throws ErrnoException {
      Boolean created =
          hardLinks.createOrLink(
              status,
              target,
              targetFd,
              name,
              () -> {
                createNode(name, status);
                return true;
              });
      if (created != null) {
        attributes.finish(sourceFd, targetFd, name, status);
      }
    }

    private void createNode(LinuxPath name, FileStatus status) throws ErrnoException {
      switch (status.type()) {
        case SYMBOLIC_LINK ->
            disk.createSymbolicLink(Unistd.readlinkat(sourceFd, name), targetFd, name);
        case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO ->
            disk.createNode(
                targetFd,
                name,
                status.type(),
                AttributeCopy.creationMode(status),
                status.rdevMajor(),
                status.rdevMinor());
        case REGULAR, DIRECTORY, SOCKET, UNKNOWN ->
            throw new IllegalStateException("%s is %s".formatted(name, status.type()));
      }
    }
  }
}
