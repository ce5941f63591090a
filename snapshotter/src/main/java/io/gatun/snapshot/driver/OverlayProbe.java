package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.FilesystemStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.driver.OverlayProbeResult.Fails;
import io.gatun.snapshot.driver.OverlayProbeResult.NoRoom;
import io.gatun.snapshot.driver.OverlayProbeResult.Works;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.mount.ProbeMount;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Shortage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Tests whether overlay works on a root: removes a file and a directory of a lower layer through a
 * mount, and checks that the upper layer then has the expected marks.
 */
public final class OverlayProbe {

  private static final Path INDEX_PARAMETER = Path.of("/sys/module/overlay/parameters/index");

  /** Characters that separate mount options. */
  private static final List<String> SEPARATORS = List.of(":", ",", "\\");

  private static final LinuxPath TRIAL = LinuxPath.of("overlay-trial");
  private static final LinuxPath LOWER = LinuxPath.of("lower");
  private static final LinuxPath UPPER = LinuxPath.of("upper");
  private static final LinuxPath WORK = LinuxPath.of("work");
  private static final LinuxPath TARGET = LinuxPath.of("target");
  private static final LinuxPath FILE = LinuxPath.of("file");
  private static final LinuxPath DIRECTORY = LinuxPath.of("directory");
  private static final LinuxPath TRUSTED_OPAQUE = LinuxPath.of("trusted.overlay.opaque");
  private static final LinuxPath USER_OPAQUE = LinuxPath.of("user.overlay.opaque");

  /** More than a test needs; with less space, it may fail in any way. */
  private static final long ROOM_BYTES = 1 << 20;

  private static final int DIRECTORY_MODE = 0700;
  private static final int FILE_MODE = 0600;

  private final Disk disk;
  private final Path root;
  private final Fd parent;

  /**
   * @param root absolute path of the root, which appears in mounts
   * @param parent a directory on the filesystem of the snapshots, for temporary directories
   */
  public OverlayProbe(Disk disk, Path root, Fd parent) {
    this.disk = disk;
    this.root = root;
    this.parent = parent;
  }

  /**
   * {@return whether overlay works, or why not, or that there is no space to test it}
   *
   * @throws ErrnoException if the filesystem fails in a way that says nothing about overlay
   */
  public OverlayProbeResult run() throws ErrnoException {
    for (String separator : SEPARATORS) {
      if (root.toString().contains(separator)) {
        return new Fails(
            "the path %s of the root contains a %s, which separates mount options"
                .formatted(root, separator));
      }
    }
    try {
      Optional<String> withTrusted = attempt(false);
      if (withTrusted.isEmpty()) {
        return new Works(features(false));
      }
      // In a user namespace, only user attributes can be written (Linux 5.11).
      if (attempt(true).isEmpty()) {
        return new Works(features(true));
      }
      return isFull()
          ? new NoRoom(features(!mayWriteTrusted()), withTrusted.get())
          : new Fails(withTrusted.get());
    } catch (ErrnoException e) {
      if (Shortage.isRoom(e)) {
        return new NoRoom(features(!mayWriteTrusted()), String.valueOf(e.getMessage()));
      }
      throw e;
    }
  }

  /** An in-memory filesystem may not count its blocks at all (ramfs). */
  private boolean isFull() throws ErrnoException {
    FilesystemStatus status = Statfs.fstatfs(parent);
    return status.blocks() > 0 && status.freeBlocks() * status.blockSizeBytes() < ROOM_BYTES;
  }

  private static OverlayFeatures features(boolean userXattrs) {
    return new OverlayFeatures(userXattrs, Files.exists(INDEX_PARAMETER));
  }

  /**
   * Tries to remove a missing attribute, which needs no space: the permission is checked first,
   * with EPERM (fs/xattr.c: xattr_permission).
   */
  private boolean mayWriteTrusted() {
    try {
      disk.removeXattr(parent, TRUSTED_OPAQUE);
      return true;
    } catch (ErrnoException e) {
      return !e.is(Errno.EPERM);
    }
  }

  /** {@return why it does not work; empty if it does} */
  private Optional<String> attempt(boolean userXattrs) throws ErrnoException {
    TreeDeletion.delete(disk, parent, TRIAL);
    disk.createDirectory(parent, TRIAL, DIRECTORY_MODE);
    try (Fd trial = open(parent, TRIAL);
        Fd lower = create(trial, LOWER);
        Fd upper = create(trial, UPPER);
        Fd work = create(trial, WORK);
        Fd target = create(trial, TARGET)) {
      disk.createFile(lower, FILE, FILE_MODE).close();
      create(lower, DIRECTORY).close();
      if (!tellsTypes(lower)) {
        return Optional.of(
            "the filesystem does not store file types in directories (d_type); an XFS has to be"
                + " created with ftype=1");
      }
      ProbeMount mount = new ProbeMount(lower, upper, work, target.path(), userXattrs);
      return use(mount, upper, userXattrs ? USER_OPAQUE : TRUSTED_OPAQUE);
    } finally {
      TreeDeletion.delete(disk, parent, TRIAL);
    }
  }

  private Optional<String> use(ProbeMount mount, Fd upper, LinuxPath opaque) {
    try {
      return mount.use(
          mounted -> {
            disk.removeFile(mounted, FILE);
            disk.removeDirectory(mounted, DIRECTORY);
            disk.createDirectory(mounted, DIRECTORY, DIRECTORY_MODE);
            return missingMark(upper, opaque);
          });
    } catch (ErrnoException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private static Optional<String> missingMark(Fd upper, LinuxPath opaque) throws ErrnoException {
    FileStatus whiteout = Stat.statx(upper, FILE, AtFlag.SYMLINK_NOFOLLOW);
    if (whiteout.type() != NodeType.CHARACTER_DEVICE) {
      return Optional.of("removing a file of a lower layer left no whiteout");
    }
    if (Xattr.lgetxattr(upper, DIRECTORY, opaque).isEmpty()) {
      return Optional.of(
          "recreating a directory left no attribute %s in the upper layer".formatted(opaque));
    }
    return Optional.empty();
  }

  private static boolean tellsTypes(Fd directory) throws ErrnoException {
    return new DirectoryReader()
        .all(directory).stream().map(DirectoryEntry::type).noneMatch(NodeType.UNKNOWN::equals);
  }

  private Fd create(Fd above, LinuxPath name) throws ErrnoException {
    disk.createDirectory(above, name, DIRECTORY_MODE);
    return open(above, name);
  }

  private static Fd open(Fd above, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(above, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }
}
