package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.assertj.core.api.Assumptions.assumeThatCode;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl.FallocateFlag;
import io.gatun.linux.file.Fcntl.ResolveFlag;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FcntlTest {

  private static final LinuxPath NAME = LinuxPath.of("name");

  @TempDir Path temporary;
  private Fd directory = Fd.CURRENT_DIRECTORY;

  @BeforeEach
  void openDirectory() throws ErrnoException {
    directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
  }

  @AfterEach
  void closeDirectory() {
    directory.close();
  }

  @Test
  void exclusiveCreationRefusesWhateverIsThere() throws Exception {
    Unistd.symlinkat(LinuxPath.of("nowhere"), directory, NAME);
    assertFails(
        "openat",
        Errno.EEXIST,
        () -> Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.EXCLUSIVE));
    assertThat(temporary.resolve("nowhere")).doesNotExist();
  }

  @Test
  void openFlagsDoWhatTheySay() throws Exception {
    Files.writeString(temporary.resolve("name"), "content");
    Unistd.symlinkat(NAME, directory, LinuxPath.of("link"));
    assertFails(
        "openat",
        Errno.ELOOP,
        () -> Fcntl.openat(directory, LinuxPath.of("link"), OpenFlag.NO_FOLLOW));
    assertFails("openat", Errno.ENOTDIR, () -> Fcntl.openat(directory, NAME, OpenFlag.DIRECTORY));
    try (Fd reading = Fcntl.openat(directory, NAME)) {
      assertFails("write", Errno.EBADF, () -> Unistd.write(reading, ByteBuffer.allocate(1)));
    }
    try (Fd appending = Fcntl.openat(directory, NAME, OpenFlag.WRITE_ONLY, OpenFlag.APPEND)) {
      Unistd.write(appending, ByteBuffer.wrap(new byte[] {'!'}));
    }
    assertThat(temporary.resolve("name")).hasContent("content!");
    Fcntl.openat(directory, NAME, OpenFlag.WRITE_ONLY, OpenFlag.TRUNCATE).close();
    assertThat(temporary.resolve("name")).isEmptyFile();
  }

  @Test
  void temporaryFileHasNoNameUntilItIsLinked() throws Exception {
    try (Fd file =
        Fcntl.openat(directory, LinuxPath.of("."), 0600, OpenFlag.TEMPORARY, OpenFlag.READ_WRITE)) {
      assertThat(Stat.statx(file).links()).isZero();
      LinuxPath link = LinuxPath.of("/proc/self/fd/" + file.number());
      Unistd.linkat(Fd.CURRENT_DIRECTORY, link, directory, NAME, AtFlag.SYMLINK_FOLLOW);
      assertThat(Stat.statx(file).links()).isEqualTo(1);
    }
  }

  @Test
  void twoAccessModesAreRefused() {
    assertThatThrownBy(
            () -> Fcntl.openat(directory, NAME, OpenFlag.WRITE_ONLY, OpenFlag.READ_WRITE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void resolutionGoesNoFurtherThanAllowed() throws Exception {
    Stat.mkdirat(directory, LinuxPath.of("inside"), 0700);
    Files.writeString(temporary.resolve("outside"), "");
    Unistd.symlinkat(LinuxPath.of("../outside"), directory, LinuxPath.of("inside/up"));
    Unistd.symlinkat(LinuxPath.of("/etc/hostname"), directory, LinuxPath.of("inside/absolute"));
    Unistd.symlinkat(LinuxPath.of("."), directory, LinuxPath.of("inside/self"));
    try (Fd inside = Fcntl.openat(directory, LinuxPath.of("inside"), OpenFlag.PATH)) {
      assertRefused(inside, "up", Errno.EXDEV, ResolveFlag.BENEATH);
      assertRefused(inside, "../outside", Errno.EXDEV, ResolveFlag.BENEATH);
      assertRefused(inside, "/etc/hostname", Errno.EXDEV, ResolveFlag.BENEATH);
      assertRefused(inside, "absolute", Errno.EXDEV, ResolveFlag.BENEATH);
      assertRefused(inside, "up", Errno.ENOENT, ResolveFlag.IN_ROOT);
      assertRefused(inside, "absolute", Errno.ENOENT, ResolveFlag.IN_ROOT);
      assertRefused(inside, "self/self", Errno.ELOOP, ResolveFlag.NO_SYMLINKS);
      assertRefused(inside, "/proc/self/exe", Errno.ELOOP, ResolveFlag.NO_MAGIC_LINKS);
      assertRefused(inside, "/proc/self", Errno.EXDEV, ResolveFlag.NO_MOUNT_CROSSING);
      Fcntl.openat2(inside, LinuxPath.of("up"), Set.of()).close();
      Fcntl.openat2(inside, LinuxPath.of("self"), Set.of(ResolveFlag.BENEATH)).close();
      try (Fd made =
          Fcntl.openat2(
              inside,
              NAME,
              0640,
              Set.of(ResolveFlag.BENEATH),
              OpenFlag.CREATE,
              OpenFlag.WRITE_ONLY)) {
        assertThat(Stat.statx(made).mode() & 0700).isEqualTo(0600);
        assertThat(made.path()).isEqualTo(LinuxPath.of(temporary.resolve("inside/name")));
      }
    }
  }

  private static void assertRefused(Fd inside, String path, Errno errno, ResolveFlag flag) {
    assertFails(
        "openat2", errno, () -> Fcntl.openat2(inside, LinuxPath.of(path), Set.of(flag)).close());
  }

  @Test
  void lockIsHeldByTheOpenFile() throws Exception {
    try (Fd first = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE)) {
      try (Fd second = Fcntl.openat(directory, NAME)) {
        Fcntl.flock(second);
        Fcntl.flock(second);
        assertFails("flock", Errno.EAGAIN, () -> Fcntl.flock(first));
      }
      Fcntl.flock(first);
    }
  }

  @Test
  void rangesAreReservedPunchedAndFound() throws Exception {
    try (Fd file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.READ_WRITE)) {
      Fcntl.fallocate(file, 0, 1 << 20, FallocateFlag.KEEP_SIZE);
      FileStatus reserved = Stat.statx(file);
      assertThat(reserved.sizeBytes()).isZero();
      assertThat(reserved.blocks()).isGreaterThanOrEqualTo((1 << 20) / FileStatus.BLOCK_BYTES);
      Unistd.pwrite(file, ByteBuffer.allocate(1 << 20), 0);
      Fcntl.syncFileRange(file, 0, 1 << 20);
      Fcntl.fallocate(file, 1 << 18, 1 << 18, FallocateFlag.PUNCH_HOLE, FallocateFlag.KEEP_SIZE);
      assertThat(Unistd.seekHole(file, 0)).hasValue(1 << 18);
      assertThat(Unistd.seekData(file, 1 << 18)).hasValue(1 << 19);
      assertThat(Unistd.seekHole(file, 1 << 19)).hasValue(1 << 20);
      assertThat(Unistd.seekHole(file, 1 << 20)).isEmpty();
      assertThat(Unistd.seekData(file, 1 << 20)).isEmpty();
    }
  }

  @Test
  void whatIsWrittenIsCachedUntilItIsNotNeeded() throws Exception {
    try (Fd file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.READ_WRITE)) {
      // These have their pages in the file below, or no pages.
      assumeThat(Statfs.fstatfs(file).type()).isNotIn(FilesystemType.OVERLAY, FilesystemType.TMPFS);
      assumeThatCode(() -> Fcntl.cachedPages(file, 0, 0))
          .as("cachestat came with Linux 6.5")
          .doesNotThrowAnyException();
      assertThat(Fcntl.cachedPages(file, 0, 0)).isZero();
      Unistd.pwrite(file, ByteBuffer.allocate(1 << 20), 0);
      Unistd.fdatasync(file);
      long pages = Fcntl.cachedPages(file, 0, 0);
      assertThat(pages).isPositive();
      assertThat(Fcntl.cachedPages(file, 1 << 19, 1 << 19)).isEqualTo(pages / 2);
      Fcntl.fadviseDontNeed(file, 0, 0);
      assertThat(Fcntl.cachedPages(file, 0, 0)).isZero();
    }
  }

  @Test
  void rangesThatNoFileHasAreRefused() throws Exception {
    try (Fd file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.READ_WRITE)) {
      long[][] ranges = {{-1, 1}, {0, -1}, {Long.MAX_VALUE, 1}};
      for (long[] range : ranges) {
        assertThatThrownBy(() -> Fcntl.fallocate(file, range[0], range[1]))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Fcntl.syncFileRange(file, range[0], range[1]))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Fcntl.fadviseDontNeed(file, range[0], range[1]))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Fcntl.cachedPages(file, range[0], range[1]))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Unistd.copyFileRange(file, range[0], file, 0, range[1]))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertFails("fallocate", Errno.EINVAL, () -> Fcntl.fallocate(file, 0, 0));
    }
  }
}
