package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeAge;
import io.gatun.snapshot.filetree.TreeCopy;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.root.Disk;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Makes each snapshot a full copy of its nearest parent, for machines without overlay and for
 * images whose layers overlay cannot express. The copies share blocks where the filesystem supports
 * it.
 */
public final class NativeDriver implements Driver {

  private static final LinuxPath COPY_RECORD = LinuxPath.of("copied-since-boot");

  private final Disk disk;
  private final SnapshotPaths paths;
  private final SnapshotFiles files;
  private final NativeMounts mounts;
  private final TreeCopy copy;
  private final BootMark copyMark;
  private final boolean marksCopies;

  /**
   * @param root absolute path of the root, which appears in mounts
   * @param snapshots the directory of all snapshot directories
   * @param copyThreads number of copying threads
   * @param boot id of the current boot
   * @param marksCopies whether a copy is marked until it is {@link #flush flushed}
   */
  public NativeDriver(
      Disk disk, Path root, Fd snapshots, int copyThreads, String boot, boolean marksCopies) {
    this.disk = disk;
    this.files = new SnapshotFiles(disk, snapshots);
    this.paths = new SnapshotPaths(root.toString());
    this.mounts = new NativeMounts(paths);
    this.copy = new TreeCopy(disk, copyThreads);
    this.copyMark = new BootMark(disk, COPY_RECORD, boot);
    this.marksCopies = marksCopies;
  }

  @Override
  public DriverName name() {
    return DriverName.NATIVE;
  }

  @Override
  public void create(Fd directory, Chain chain) throws ErrnoException {
    files.create(directory, SnapshotFiles.FILES, SnapshotFiles.FILES_MODE);
    if (isCopy(chain)) {
      if (marksCopies) {
        copyMark.record(directory);
      }
      try (Fd source = files.openFiles(chain.lowers().getFirst().id());
          Fd target = files.open(directory, SnapshotFiles.FILES)) {
        copy.copy(source, target);
      }
    }
  }

  private static boolean isCopy(Chain chain) {
    return chain.kind() == Kind.ACTIVE && !chain.lowers().isEmpty();
  }

  /** Most are copies, and a base is created only once for all images. */
  @Override
  public boolean isBlank(Chain chain) {
    return false;
  }

  @Override
  public boolean isUnsynced(long id) throws ErrnoException {
    try (Fd directory = files.openDirectory(id)) {
      return copyMark.isRecorded(directory) && !copyMark.isOutlived(directory);
    }
  }

  @Override
  public void flush(long id) throws ErrnoException {
    try (Fd directory = files.openDirectory(id)) {
      copyMark.remove(directory);
      disk.sync(directory);
    }
  }

  @Override
  public List<Mount> mounts(Chain chain) throws ErrnoException {
    requireWhole(chain);
    return mounts.of(chain);
  }

  @Override
  public boolean mountsNeedNoIo(Chain chain) {
    return !isCopy(chain);
  }

  private void requireWhole(Chain chain) throws ErrnoException {
    if (isCopy(chain)) {
      try (Fd directory = files.openDirectory(chain.id())) {
        if (copyMark.isOutlived(directory)) {
          throw new SnapshotException.FailedPrecondition(
              ("the machine stopped before the copied files of snapshot id %d had reached the disk,"
                      + " so some may be empty; remove the snapshot and the container that uses it,"
                      + " and create it again")
                  .formatted(chain.id()));
        }
      }
    }
  }

  /** The parent's files are copied at creation, or never. */
  @Override
  public Optional<String> obstacleToRebase(Chain chain) {
    return Optional.of(
        "the native driver copies the parent when a snapshot is created: remove the capability rebase of"
            + " this snapshotter from containerd's configuration");
  }

  /** Committing does not change a copy, but the copy must be complete. */
  @Override
  public boolean seal(Chain chain, boolean mayHaveMarks) throws ErrnoException {
    requireWhole(chain);
    return false;
  }

  @Override
  public boolean isPristine(Chain chain, Optional<Timespec> createdAt) throws ErrnoException {
    if (!isCopy(chain)) {
      return isEmpty(chain);
    }
    if (createdAt.isEmpty()) {
      return false;
    }
    try (Fd own = files.openFiles(chain.id())) {
      return !TreeAge.hasChangedSince(createdAt.get(), own);
    }
  }

  @Override
  public Timespec createdAt(long id) throws ErrnoException {
    return files.movedAt(id);
  }

  /** Deletions apply directly to the copy, which has no lower layers. */
  @Override
  public LayerTarget target(Chain chain) {
    return new LayerTarget(LinuxPath.of(paths.files(chain.id())), DeletionForm.IN_PLACE, List.of());
  }

  @Override
  public Optional<DeletionForm> deletionsOverOthers() {
    return Optional.empty();
  }

  @Override
  public List<Timespec> changeTimes(Chain chain) throws ErrnoException {
    return files.changeTimes(chain.id());
  }

  /** A copy has files of its own, unless it is empty. */
  @Override
  public boolean isEmpty(Chain chain) throws ErrnoException {
    try (Fd own = files.openFiles(chain.id())) {
      FileStatus status = Stat.statx(own);
      return chain.lowers().isEmpty()
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
