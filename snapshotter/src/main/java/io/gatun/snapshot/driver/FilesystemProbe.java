package io.gatun.snapshot.driver;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FilesystemStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Statfs;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.mount.IndexFilesystem;
import io.gatun.snapshot.mount.IndexProbe;
import io.gatun.snapshot.mount.IndexProbeResult;
import io.gatun.snapshot.mount.SampleLayer;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The snapshot features of a filesystem, found by testing them.
 *
 * @param status as reported by the filesystem
 * @param overlay whether overlayfs works on it
 * @param index whether indexed layers work on it
 * @param noReflink why files cannot share blocks on it; empty if they can
 */
public record FilesystemProbe(
    FilesystemStatus status,
    OverlayProbeResult overlay,
    IndexProbeResult index,
    Optional<String> noReflink) {

  private static final int DIRECTORY_MODE = 0700;
  private static final int FILE_MODE = 0600;
  private static final int BLOCK_BYTES = 4096;

  /**
   * Tests a filesystem and leaves nothing behind.
   *
   * @param directory a directory on it, in which a temporary one is created
   * @param layer the sample to mount
   * @param selinuxContext as for {@link IndexFilesystem}
   * @param protection of the sample's files
   */
  public static FilesystemProbe of(
      Disk disk,
      Path directory,
      SampleLayer layer,
      String selinuxContext,
      FileProtection protection)
      throws ErrnoException {
    LinuxPath name = LinuxPath.of(".gatun-probe-" + ProcessHandle.current().pid());
    try (Fd parent = Fcntl.open(LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      TreeDeletion.delete(disk, parent, name);
      disk.createDirectory(parent, name, DIRECTORY_MODE);
      try (Fd place =
          Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW)) {
        Path trials = directory.resolve(name.toString());
        return new FilesystemProbe(
            Statfs.fstatfs(place),
            new OverlayProbe(disk, trials, place).run(),
            new IndexProbe(disk, trials, layer, selinuxContext, protection).run(),
            tryReflink(disk, place));
      } finally {
        TreeDeletion.delete(disk, parent, name);
      }
    }
  }

  private static Optional<String> tryReflink(Disk disk, Fd place) throws ErrnoException {
    try (Fd source = disk.createFile(place, LinuxPath.of("source"), FILE_MODE);
        Fd target = disk.createFile(place, LinuxPath.of("target"), FILE_MODE)) {
      disk.write(source, ByteBuffer.allocateDirect(BLOCK_BYTES), 0);
      try {
        disk.cloneFile(source, target);
        return Optional.empty();
      } catch (ErrnoException e) {
        return Optional.of(String.valueOf(e.getMessage()));
      }
    }
  }
}
