package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.io.File;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatfsTest {

  @TempDir Path temporary;

  @Test
  void spaceIsWhatTheJdkSees() throws Exception {
    FilesystemStatus status = Statfs.statfs(LinuxPath.of(temporary));
    File file = temporary.toFile();
    assertThat(status.blocks() * status.blockSizeBytes()).isEqualTo(file.getTotalSpace());
    // Other processes write to it meanwhile.
    assertThat(status.availableBytes()).isBetween(0L, file.getTotalSpace());
    assertThat(status.freeBlocks()).isGreaterThanOrEqualTo(status.availableBlocks());
    assertThat(status.id()).isEqualTo(Statfs.statfs(LinuxPath.of(temporary)).id());
    assertThat(status.readOnly()).isFalse();
  }

  @Test
  void filesystemsAreToldApart() throws Exception {
    assertThat(Statfs.statfs(LinuxPath.of("/proc")).type()).isEqualTo(FilesystemType.PROC);
    try (Fd sys = Fcntl.open(LinuxPath.of("/sys"), OpenFlag.PATH)) {
      assertThat(Statfs.fstatfs(sys).type()).isEqualTo(FilesystemType.SYSFS);
    }
    assertThat(FilesystemType.ofMagic(0x12345678)).isEqualTo(FilesystemType.UNKNOWN);
  }

  @Test
  void missingPathIsAnError() {
    assertFails("openat", Errno.ENOENT, () -> Statfs.statfs(LinuxPath.of("/nowhere")));
  }
}
