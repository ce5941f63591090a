package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Ioctl.InodeFlag;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Calls that need no particular filesystem; {@code FilesystemIT} tests cloning on real ones. */
class IoctlTest {

  private static final LinuxPath NAME = LinuxPath.of("name");

  @TempDir Path temporary;

  @Test
  void flagsAreSetAndClearedWithoutTouchingOthers() throws Exception {
    try (Fd directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
        Fd file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE)) {
      Set<InodeFlag> before = Ioctl.inodeFlags(file);
      assertThat(before).doesNotContain(InodeFlag.NO_DUMP);
      Ioctl.changeInodeFlags(file, Set.of(InodeFlag.NO_DUMP), Set.of());
      assertThat(Ioctl.inodeFlags(file)).containsAll(before).contains(InodeFlag.NO_DUMP);
      Ioctl.changeInodeFlags(file, Set.of(InodeFlag.NO_ACCESS_TIME), Set.of(InodeFlag.NO_DUMP));
      assertThat(Ioctl.inodeFlags(file))
          .containsAll(before)
          .contains(InodeFlag.NO_ACCESS_TIME)
          .doesNotContain(InodeFlag.NO_DUMP);
    }
  }

  @Test
  void procHasNoFlagsNoClonesAndNoUuid() throws Exception {
    try (Fd file = Fcntl.open(LinuxPath.of("/proc/self/status"));
        Fd directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
        Fd target = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.WRITE_ONLY)) {
      assertFails("FS_IOC_GETFLAGS", Errno.ENOTTY, () -> Ioctl.inodeFlags(file));
      assertFails("FS_IOC_GETFSUUID", Errno.ENOTTY, () -> Ioctl.filesystemUuid(file));
      assertFails("FS_IOC_ENABLE_VERITY", Errno.ENOTTY, () -> Ioctl.enableVerity(file));
      assertFails("FICLONE", Errno.EXDEV, () -> Ioctl.ficlone(target, file));
    }
  }

  @Test
  void fileOpenedForReadingCannotBecomeAClone() throws Exception {
    try (Fd directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
        Fd source = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE);
        Fd target = Fcntl.openat(directory, LinuxPath.of("other"), 0600, OpenFlag.CREATE)) {
      assertFails("FICLONE", Errno.EBADF, () -> Ioctl.ficlone(target, source));
    }
  }
}
