package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ForkJoinPool;

/**
 * Copies trees of files with all that they are: types, modes, owners, times to the nanosecond,
 * extended attributes and with them access control lists, hard links among them, devices, named
 * pipes and holes. Sockets are left out, since nobody listens on a copy. Nothing is synced.
 *
 * <p>Everything is reached by single names below open directories and nothing is followed, so that
 * a copy never leaves its target, whatever symbolic links there are. Neither the depth of a tree
 * nor the length of its paths nor the size of its directories has a limit. If a copy fails, what is
 * there of it is left to the caller.
 */
public final class TreeCopy {

  /** The filesystems that are copied from and to. */
  private record Filesystems(long source, long target) {}

  /** What new files would inherit from a directory that has them (acl(5)). */
  private static final List<LinuxPath> INHERITABLE =
      List.of(LinuxPath.of("system.posix_acl_default"), LinuxPath.of("system.posix_acl_access"));

  private final Disk disk;
  private final ForkJoinPool pool;
  private final ConcurrentMap<Filesystems, ContentCopy> contents = new ConcurrentHashMap<>();

  /**
   * @param threads how many threads all copies share
   */
  public TreeCopy(Disk disk, int threads) {
    this.disk = disk;
    this.pool = ParallelTreeWork.pool("gatun-copy", threads);
  }

  /**
   * Makes one directory a copy of another.
   *
   * @param source a directory in which nothing changes meanwhile, just opened
   * @param target an empty directory that this process has just made and opened
   */
  public void copy(Fd source, Fd target) throws ErrnoException {
    for (LinuxPath attribute : INHERITABLE) {
      removeXattr(target, attribute);
    }
    FileStatus from = Stat.statx(source);
    FileStatus to = Stat.statx(target);
    AttributeCopy attributes = new AttributeCopy(disk, to.uid(), to.gid(), Umask.current());
    ContentCopy content =
        contents.computeIfAbsent(
            new Filesystems(from.device(), to.device()), _ -> new ContentCopy(disk));
    TreeWork work = new ParallelTreeWork(pool);
    try (TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeCopyRun run = new TreeCopyRun(disk, work, attributes, content);
      work.run(
          run.top(
              TreeDirectory.top(descriptors, source),
              from,
              TreeDirectory.top(descriptors, target),
              to.mode()));
    }
  }

  private void removeXattr(Fd file, LinuxPath attribute) throws ErrnoException {
    try {
      disk.removeXattr(file, attribute);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENODATA) && !e.is(Errno.EOPNOTSUPP)) {
        throw e;
      }
    }
  }
}
