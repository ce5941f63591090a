package io.gatun.snapshot.filetree;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ForkJoinPool;

/**
 * Copies trees of files completely: types, modes, owners, times to the nanosecond, extended
 * attributes including access control lists, hard links within the tree, devices, named pipes and
 * holes. Sockets are left out: no process listens on a copy. Nothing is synced.
 *
 * <p>Access is by single names below open directories without following symbolic links, which keeps
 * a copy inside its target. Depth, path length and directory size are unlimited. After a failure,
 * the partial copy is left to the caller.
 */
public final class TreeCopy {

  /** The source and target filesystems. */
  private record Filesystems(long source, long target) {}

  /** The attributes that new files would inherit from their directory (acl(5)). */
  private static final List<LinuxPath> INHERITABLE =
      List.of(LinuxPath.of("system.posix_acl_default"), LinuxPath.of("system.posix_acl_access"));

  private final Disk disk;
  private final ForkJoinPool pool;
  private final ConcurrentMap<Filesystems, ContentCopy> contents = new ConcurrentHashMap<>();

  /**
   * @param threads the number of threads shared by all copies
   */
  public TreeCopy(Disk disk, int threads) {
    this.disk = disk;
    this.pool = ParallelTreeWork.pool("gatun-copy", threads);
  }

  /**
   * Copies the content and attributes of a directory.
   *
   * @param source a directory that does not change meanwhile, just opened
   * @param target an empty directory that this process has just created and opened
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
