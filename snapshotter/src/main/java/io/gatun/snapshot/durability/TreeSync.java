package io.gatun.snapshot.durability;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.ResolveFlag;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Statfs;
import io.gatun.snapshot.filetree.ParallelTreeWork;
import io.gatun.snapshot.root.Disk;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;

/**
 * Syncs small trees file by file. syncfs(2) is faster for large trees, and for small ones on an
 * idle disk, but it waits for all dirty data of the filesystem: seconds beside a container that
 * writes at full speed.
 *
 * <p>Only files and directories can be synced alone. Other nodes, such as symbolic links and
 * whiteouts, become durable with their directory, but later changes, such as of the owner, need
 * not. A tree with such nodes is not synced this way.
 */
public final class TreeSync {

  /**
   * The limit on ext4, where concurrent fsync(2) calls share a journal commit: 128 files take 7 ms,
   * and 0.2 s beside a writer at full speed; syncfs takes 3 ms and 1.3 s.
   */
  private static final int INODES_MAX_EXT4 = 128;

  /**
   * The limit on other filesystems: a file costs 1.5 ms on btrfs, and on XFS more files gain
   * nothing beside a writer.
   */
  private static final int INODES_MAX = 8;

  /** Concurrent callers share the cost of a flush of the disk's cache. */
  private static final int THREADS = 8;

  private static final Set<ResolveFlag> INSIDE =
      Set.of(ResolveFlag.BENEATH, ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING);

  private final Disk disk;
  private final ForkJoinPool threads = ParallelTreeWork.pool("gatun-sync", THREADS);

  public TreeSync(Disk disk) {
    this.disk = disk;
  }

  /**
   * {@return a small tree, with all files open to keep their errors from being lost; empty if it is
   * not small or contains a node that cannot be opened and synced}
   *
   * @param top its top directory
   */
  public Optional<SmallTree> open(LinuxPath top) {
    SmallTree tree = new SmallTree();
    boolean isOpen = false;
    try {
      isOpen = tree.open(top);
    } catch (ErrnoException e) {
      // Syncing the whole filesystem need not open the tree.
      return Optional.empty();
    } finally {
      if (!isOpen) {
        tree.close();
      }
    }
    return isOpen ? Optional.of(tree) : Optional.empty();
  }

  public final class SmallTree implements AutoCloseable {
    private final List<Fd> files = new ArrayList<>();
    private final List<Fd> directories = new ArrayList<>();

    private SmallTree() {}

    private boolean open(LinuxPath top) throws ErrnoException {
      DirectoryReader reader = new DirectoryReader();
      directories.add(Fcntl.open(top, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW));
      int inodesMax =
          Statfs.fstatfs(directories.getFirst()).type() == FilesystemType.EXT4
              ? INODES_MAX_EXT4
              : INODES_MAX;
      // The list grows during the iteration.
      for (int i = 0; i < directories.size(); i++) {
        Fd directory = directories.get(i);
        for (var batch = reader.next(directory); !batch.isEmpty(); batch = reader.next(directory)) {
          if (files.size() + directories.size() + batch.size() > inodesMax) {
            return false;
          }
          for (DirectoryEntry entry : batch) {
            if (!open(directory, entry)) {
              return false;
            }
          }
        }
      }
      return true;
    }

    private boolean open(Fd parent, DirectoryEntry entry) throws ErrnoException {
      return switch (entry.type()) {
        case REGULAR -> files.add(open(parent, entry, OpenFlag.NON_BLOCKING));
        case DIRECTORY -> directories.add(open(parent, entry, OpenFlag.DIRECTORY));
        case SYMBOLIC_LINK, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET, UNKNOWN -> false;
      };
    }

    private static Fd open(Fd parent, DirectoryEntry entry, OpenFlag flag) throws ErrnoException {
      return Fcntl.openat2(
          parent, entry.name(), INSIDE, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, flag);
    }

    /**
     * Returns when the tree is durable. Starts writeback of all files first, which avoids waiting
     * for each in turn.
     *
     * @throws ErrnoException if data may be lost
     */
    public void sync() throws ErrnoException {
      for (Fd file : files) {
        disk.startWriteback(file, 0, 0);
      }
      ParallelTreeWork work = new ParallelTreeWork(threads);
      work.run(
          () -> {
            files.forEach(file -> work.fork(() -> disk.sync(file)));
            directories.forEach(directory -> work.fork(() -> disk.sync(directory)));
          });
    }

    @Override
    public void close() {
      files.forEach(Fd::close);
      directories.forEach(Fd::close);
    }
  }
}
