package io.gatun.snapshot.driver;

import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.Stat;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.disk.Disk;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Makes each snapshot a full copy of its nearest parent, for machines on which overlay does not
 * work, and for images whose layers overlay cannot express. Where the filesystem can, the copies
 * share their blocks.
 */
public final class NativeDriver implements Driver {

  private final SnapshotFiles files;
  private final NativeMounts mounts;
  private final TreeCopy copy;

  /**
   * @param root the absolute path of the root, which containerd is told
   * @param snapshots the directory that holds one directory a snapshot
   * @param copyThreads how many threads copy
   */
  public NativeDriver(Disk disk, Path root, Fd snapshots, int copyThreads) {
    this.files = new SnapshotFiles(disk, snapshots);
    this.mounts = new NativeMounts(new SnapshotPaths(root.toString()));
    this.copy = new TreeCopy(disk, copyThreads);
  }

  @Override
  public DriverName name() {
    return DriverName.NATIVE;
  }

  @Override
  public void create(Fd directory, Chain chain) throws ErrnoException {
    files.create(directory, SnapshotFiles.FILES, SnapshotFiles.FILES_MODE);
    if (chain.kind() == Kind.ACTIVE && !chain.parents().isEmpty()) {
      try (Fd source = files.openFiles(chain.parents().getFirst());
          Fd target = files.open(directory, SnapshotFiles.FILES)) {
        copy.copy(source, target);
      }
    }
  }

  @Override
  public List<Mount> mounts(Chain chain) {
    return mounts.of(chain);
  }

  /** What is on the parent was copied when the snapshot was made, or never will be. */
  @Override
  public Optional<String> obstacleToRebase(Chain chain) {
    return Optional.of(
        "the native driver copies the parent when a snapshot is made: take the capability rebase of"
            + " this snapshotter out of containerd's configuration");
  }

  /** Nothing has to be done: a copy is in the same form whether it is committed or not. */
  @Override
  public void freeze(Chain chain) {}

  /** A copy is something of a snapshot's own, unless there is nothing in it. */
  @Override
  public boolean isEmpty(Chain chain) throws ErrnoException {
    try (Fd own = files.openFiles(chain.id())) {
      FileStatus status = Stat.statx(own);
      return chain.parents().isEmpty()
          && status.mode() == SnapshotFiles.FILES_MODE
          && new DirectoryReader().next(own).isEmpty();
    }
  }

  @Override
  public Usage usage(Chain chain) throws ErrnoException {
    return files.usage(chain);
  }

  @Override
  public Map<String, String> labels(long id) {
    return Map.of();
  }
}
