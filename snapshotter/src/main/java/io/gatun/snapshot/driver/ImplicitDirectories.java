package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.filetree.SerialTreeWork;
import io.gatun.snapshot.filetree.TreeBatch;
import io.gatun.snapshot.filetree.TreeDescriptors;
import io.gatun.snapshot.filetree.TreeDirectory;
import io.gatun.snapshot.filetree.TreeWork;
import java.util.Comparator;
import java.util.Optional;

/**
 * Finds the implicit directories of a layer that containerd's differ has unpacked: parents that the
 * layer needs but has no entry for.
 *
 * <p>containerd's differ creates them with mode 0755, and their time is that of their last new
 * entry. A directory with an entry has a time from the layer, which must be older than the snapshot
 * because the layer's digest was known before. Only layers with times in the future, which came
 * true during the unpack, are therefore misjudged.
 */
public final class ImplicitDirectories {

  /** Receives the directories, parents first. */
  @FunctionalInterface
  public interface Sink {

    /**
     * @param isAboveImplicit whether its parent was found as well
     */
    void found(LinuxPath path, boolean isAboveImplicit);
  }

  private static final int MODE = 0755;

  /** PATH_MAX of linux/limits.h includes the final NUL. */
  private static final int PATH_BYTES_MAX = 4095;

  private static final Comparator<Timespec> BY_TIME =
      Comparator.comparingLong(Timespec::seconds).thenComparingLong(Timespec::nanos);

  private final Timespec since;
  private final int uid = Unistd.geteuid();
  private final TreeWork work = new SerialTreeWork();
  private final Sink sink;

  private ImplicitDirectories(Timespec since, Sink sink) {
    this.since = since;
    this.sink = sink;
  }

  /**
   * Finds all implicit directories.
   *
   * @param files the root of the layer, just opened
   * @param since a time before the first of them was created
   */
  public static void find(Fd files, Timespec since, Sink sink) throws ErrnoException {
    ImplicitDirectories search = new ImplicitDirectories(since, sink);
    try (TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeDirectory top = TreeDirectory.top(descriptors, files);
      search.work.run(() -> search.walk(top, top.enter(), LinuxPath.EMPTY, false));
    }
  }

  private void walk(TreeDirectory directory, Fd fd, LinuxPath path, boolean isImplicit)
      throws ErrnoException {
    TreeBatch batch = TreeBatch.read(fd);
    if (!batch.isLast()) {
      work.fork(() -> walk(directory, fd, path, isImplicit));
    }
    for (DirectoryEntry entry : batch.entries()) {
      LinuxPath below = path.isEmpty() ? entry.name() : path.resolve(entry.name());
      // Longer paths cannot have been unpacked by path.
      if (mayBeDirectory(entry.type()) && below.length() <= PATH_BYTES_MAX) {
        Optional<FileStatus> status = Stat.tryStatx(fd, entry.name(), AtFlag.SYMLINK_NOFOLLOW);
        if (status.isPresent() && status.get().type() == NodeType.DIRECTORY) {
          TreeDirectory child = directory.child(entry.name());
          work.fork(() -> enter(child, below, status.get(), isImplicit));
        }
      }
    }
    if (batch.isLast()) {
      directory.leave();
    }
  }

  private void enter(
      TreeDirectory directory, LinuxPath path, FileStatus status, boolean isAboveImplicit)
      throws ErrnoException {
    Fd fd = directory.enter();
    boolean isImplicit = isImplicit(fd, status);
    if (isImplicit) {
      sink.found(path, isAboveImplicit);
    }
    walk(directory, fd, path, isImplicit);
  }

  private boolean isImplicit(Fd directory, FileStatus status) throws ErrnoException {
    return status.mode() == MODE
        && status.uid() == uid
        && BY_TIME.compare(status.modified(), since) >= 0
        && BY_TIME.compare(status.modified(), status.changed()) <= 0
        && Xattr.flistxattr(directory).stream().allMatch(ImplicitDirectories::isOfTheSystem);
  }

  /** Attributes that a security module or overlayfs sets on any directory. */
  private static boolean isOfTheSystem(LinuxPath attribute) {
    String name = attribute.toString();
    return name.startsWith("security.")
        || name.startsWith("trusted.overlay.")
        || name.startsWith("user.overlay.");
  }

  private static boolean mayBeDirectory(NodeType type) {
    return type == NodeType.DIRECTORY || type == NodeType.UNKNOWN;
  }
}
