package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.ArrayList;
import java.util.List;

/**
 * The directories of snapshots, the same for both drivers:
 *
 * <pre>
 *   snapshots/ID/fs      the files of the snapshot, 0755
 *   snapshots/ID/work    of an active snapshot, used by overlayfs, 0711
 *   snapshots/ID/volatile-since-boot, snapshots/ID/copied-since-boot    see VolatileMark, NativeDriver
 *   snapshots/ID/unpacking, snapshots/ID/applied, snapshots/ID/inherits    used by the engine, see UnpackRecords, Rebase
 * </pre>
 */
final class SnapshotFiles {

  static final LinuxPath FILES = Root.FILES;
  static final LinuxPath WORK = LinuxPath.of("work");

  static final int FILES_MODE = 0755;
  static final int WORK_MODE = 0711;

  private static final Usage NOTHING = new Usage(0, 0);

  private final Disk disk;
  private final Fd snapshots;

  /**
   * @param snapshots the directory of all snapshot directories
   */
  SnapshotFiles(Disk disk, Fd snapshots) {
    this.disk = disk;
    this.snapshots = snapshots;
  }

  Fd openDirectory(long id) throws ErrnoException {
    return open(snapshots, directory(id));
  }

  Fd openFiles(long id) throws ErrnoException {
    return open(snapshots, directory(id).resolve(FILES));
  }

  Fd open(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  FileStatus status(long id) throws ErrnoException {
    return Stat.statx(snapshots, directory(id).resolve(FILES), AtFlag.SYMLINK_NOFOLLOW);
  }

  /**
   * {@return when the directory of a snapshot was moved to its place; valid until it is changed}
   */
  Timespec movedAt(long id) throws ErrnoException {
    return Stat.statx(snapshots, directory(id), AtFlag.SYMLINK_NOFOLLOW).changed();
  }

  /**
   * {@return when the root directory of a snapshot's files last changed, and when the work
   * directory did, in which overlayfs creates a directory on each mount}
   */
  List<Timespec> changeTimes(long id) throws ErrnoException {
    List<Timespec> times = new ArrayList<>();
    times.add(status(id).changed());
    Stat.tryStatx(snapshots, directory(id).resolve(WORK), AtFlag.SYMLINK_NOFOLLOW)
        .ifPresent(status -> times.add(status.changed()));
    return times;
  }

  /** Counts the files of a snapshot; a view has none. */
  Usage usage(Chain chain) throws ErrnoException {
    if (chain.kind() == Kind.VIEW) {
      return NOTHING;
    }
    try (Fd own = openFiles(chain.id())) {
      return TreeUsage.of(own);
    }
  }

  /** Creates a directory with exactly this mode, regardless of the umask. */
  void create(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    disk.createDirectory(parent, name, mode);
    disk.setMode(parent, name, mode);
  }

  private static LinuxPath directory(long id) {
    return LinuxPath.of(Long.toString(id));
  }
}
