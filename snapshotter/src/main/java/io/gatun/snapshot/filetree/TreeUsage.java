package io.gatun.snapshot.filetree;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Usage;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Measures the disk usage of a tree including its top; counts an inode once, whatever its number of
 * names. Skips entries that vanish meanwhile in a running container.
 */
public final class TreeUsage {

  private record Inode(long device, long number) {}

  private final TreeWork work = new SerialTreeWork();
  private final Set<Inode> severalNames = new HashSet<>();
  private long inodes;
  private long blocks;

  private TreeUsage() {}

  /**
   * {@return the usage of a tree}
   *
   * @param directory the top of the tree, just opened
   */
  public static Usage of(Fd directory) throws ErrnoException {
    TreeUsage usage = new TreeUsage();
    usage.count(Stat.statx(directory));
    try (TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeDirectory top = TreeDirectory.top(descriptors, directory);
      usage.work.run(() -> usage.walk(top, top.enter()));
    }
    return new Usage(usage.inodes, usage.blocks * FileStatus.BLOCK_BYTES);
  }

  private void enter(TreeDirectory directory) throws ErrnoException {
    Fd fd;
    try {
      fd = directory.enter();
    } catch (ErrnoException e) {
      if (isGone(e)) {
        return;
      }
      throw e;
    }
    walk(directory, fd);
  }

  private void walk(TreeDirectory directory, Fd fd) throws ErrnoException {
    TreeBatch batch = TreeBatch.read(fd);
    if (!batch.isLast()) {
      work.fork(() -> walk(directory, fd));
    }
    for (DirectoryEntry entry : batch.entries()) {
      LinuxPath name = entry.name();
      Optional<FileStatus> status = Stat.tryStatx(fd, name, AtFlag.SYMLINK_NOFOLLOW);
      if (status.isPresent()) {
        count(status.get());
        if (status.get().type() == NodeType.DIRECTORY) {
          TreeDirectory child = directory.child(name);
          work.fork(() -> enter(child));
        }
      }
    }
    if (batch.isLast()) {
      directory.leave();
    }
  }

  /** Removed or replaced since its name was read, or covered by a mount. */
  private static boolean isGone(ErrnoException failure) {
    return switch (failure.errno()) {
      case ENOENT, ENOTDIR, ELOOP, ESTALE, EXDEV -> true;
      default -> false;
    };
  }

  private void count(FileStatus status) {
    boolean mayComeAgain = status.links() > 1 && status.type() != NodeType.DIRECTORY;
    if (!mayComeAgain || severalNames.add(new Inode(status.device(), status.inode()))) {
      inodes++;
      blocks += status.blocks();
    }
  }
}
