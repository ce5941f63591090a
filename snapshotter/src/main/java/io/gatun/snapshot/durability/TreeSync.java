package io.gatun.snapshot.durability;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FilesystemType;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.ResolveFlag;
import io.gatun.linux.Statfs;
import io.gatun.snapshot.filetree.ParallelTreeWork;
import io.gatun.snapshot.root.Disk;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;

/**
 * Brings small trees to the disk, file by file. syncfs(2) is quicker for trees that are not small,
 * and so it is for these if nobody else writes; but it waits for all that anybody has written, and
 * beside a container that writes as fast as it can, that is seconds.
 *
 * <p>Only files and directories can be synced by themselves. What has a name alone, such as a
 * symbolic link or a whiteout, becomes durable with its directory, but what was changed of it after
 * that, such as its owner, need not. So a tree that has such things is none of these.
 */
public final class TreeSync {

  /**
   * What is small on ext4, where many who call fsync(2) share one commit of its journal: 128 files
   * take 7 ms, beside a writer at full speed 0.2 s, and syncfs takes 3 ms and 1.3 s.
   */
  private static final int INODES_MAX_EXT4 = 128;

  /**
   * What is small on others: a file costs 1.5 ms on btrfs, and on XFS more of them gain nothing
   * beside a writer.
   */
  private static final int INODES_MAX = 8;

  /** Those who wait at the same time share what a flush of the disk's cache costs. */
  private static final int THREADS = 8;

  private static final Set<ResolveFlag> INSIDE =
      Set.of(ResolveFlag.BENEATH, ResolveFlag.NO_SYMLINKS, ResolveFlag.NO_MOUNT_CROSSING);

  private final Disk disk;
  private final ForkJoinPool threads = ParallelTreeWork.pool("gatun-sync", THREADS);

  public TreeSync(Disk disk) {
    this.disk = disk;
  }

  /**
   * {@return a small tree, with everything in it open, so that nothing of it is forgotten; nothing
   * if it is not small, or not everything in it can be opened and synced}
   *
   * @param top the directory at its top
   */
  public Optional<SmallTree> open(LinuxPath top) {
    SmallTree tree = new SmallTree();
    boolean isOpen = false;
    try {
      isOpen = tree.open(top);
    } catch (ErrnoException e) {
      // For whatever reason: who syncs all there is need not open it.
      return Optional.empty();
    } finally {
      if (!isOpen) {
        tree.close();
      }
    }
    return isOpen ? Optional.of(tree) : Optional.empty();
  }

  /** A tree that is open. */
  public final class SmallTree implements AutoCloseable {
    private final List<Fd> files = new ArrayList<>();
    private final List<Fd> directories = new ArrayList<>();

    private SmallTree() {}

    /** {@return whether all of it is open} */
    private boolean open(LinuxPath top) throws ErrnoException {
      DirectoryReader reader = new DirectoryReader();
      directories.add(Fcntl.open(top, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW));
      int inodesMax =
          Statfs.fstatfs(directories.getFirst()).type() == FilesystemType.EXT4
              ? INODES_MAX_EXT4
              : INODES_MAX;
      // What is found is read later: the list grows while it is gone through.
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
     * Returns when all of it is durable. Writing back is begun for all files first, so that no file
     * waits for the one before.
     *
     * @throws ErrnoException if something may be lost
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
