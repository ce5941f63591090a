package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatTest {

  private static final LinuxPath NAME = LinuxPath.of("name");
  private static final Timespec EARLY = new Timespec(-2, 999_999_999);
  private static final Timespec LATE = new Timespec(4_294_967_296L, 1);

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
  void statusIsWhatTheJdkSees() throws Exception {
    Path file = temporary.resolve("name");
    Files.write(file, new byte[5000]);
    Files.createLink(temporary.resolve("second"), file);
    Stat.fchmodat2(directory, NAME, 04751);
    FileStatus status = Stat.statx(directory, NAME);
    assertThat(status.type()).isEqualTo(NodeType.REGULAR);
    assertThat(status.mode()).isEqualTo(04751);
    assertThat(status.links()).isEqualTo(2);
    assertThat(status.sizeBytes()).isEqualTo(5000);
    assertThat(Integer.toUnsignedLong(status.uid())).isEqualTo(unix(file, "uid"));
    assertThat(Integer.toUnsignedLong(status.gid())).isEqualTo(unix(file, "gid"));
    assertThat(status.inode()).isEqualTo(unix(file, "ino"));
    assertThat(status.device()).isEqualTo(unix(file, "dev"));
    assertThat(status.modified().toInstant())
        .isEqualTo(Files.getLastModifiedTime(file).toInstant());
    assertThat(status.isSameInode(Stat.statx(directory, LinuxPath.of("second")))).isTrue();
    assertThat(status.isSameInode(Stat.statx(directory))).isFalse();
  }

  @Test
  void mountIdIsThatOfMountinfo() throws Exception {
    long id = Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc/self")).mountId();
    List<String> mounts = Files.readAllLines(Path.of("/proc/self/mountinfo"));
    assertThat(mounts)
        .anyMatch(line -> line.startsWith(id + " ") && line.split(" ", -1)[4].equals("/proc"));
  }

  @Test
  void blocksOfASparseFileAreCountedAsTheyAreAllocated() throws Exception {
    try (Fd file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE, OpenFlag.READ_WRITE)) {
      Unistd.ftruncate(file, 1L << 30);
      Unistd.pwrite(file, ByteBuffer.wrap(new byte[] {1}), 1L << 29);
      Unistd.fsync(file);
      FileStatus status = Stat.statx(file);
      assertThat(status.sizeBytes()).isEqualTo(1L << 30);
      assertThat(status.blocks() * FileStatus.BLOCK_BYTES).isBetween(512L, 1L << 20);
    }
  }

  @Test
  void symbolicLinkIsFollowedOnlyIfAsked() throws Exception {
    Unistd.symlinkat(LinuxPath.of("."), directory, NAME);
    assertThat(Stat.statx(directory, NAME).type()).isEqualTo(NodeType.DIRECTORY);
    FileStatus link = Stat.statx(directory, NAME, AtFlag.SYMLINK_NOFOLLOW);
    assertThat(link.type()).isEqualTo(NodeType.SYMBOLIC_LINK);
    assertThat(link.sizeBytes()).isEqualTo(1);
  }

  @Test
  void missingNameIsAnAnswerOrAnError() throws Exception {
    assertThat(Stat.tryStatx(directory, NAME)).isEmpty();
    assertThat(Stat.tryStatx(directory, LinuxPath.of("."))).isPresent();
    assertFails("statx", Errno.ENOENT, () -> Stat.statx(directory, NAME));
    Files.createFile(temporary.resolve("name"));
    assertFails("statx", Errno.ENOTDIR, () -> Stat.tryStatx(directory, NAME.resolve("x")));
  }

  @Test
  void nodesOfEveryTypeThatNeedsNoPrivilegeAreMade() throws Exception {
    for (NodeType type : List.of(NodeType.REGULAR, NodeType.FIFO, NodeType.SOCKET)) {
      LinuxPath name = LinuxPath.of(type.name());
      Stat.mknodat(directory, name, type, 0600, 0, 0);
      FileStatus status = Stat.statx(directory, name);
      assertThat(status.type()).isEqualTo(type);
      assertThat(status.mode()).isEqualTo(0600);
    }
  }

  @Test
  void devicesBeyondTheBitsOfTheKernelAreInvalid() {
    for (int[] device : new int[][] {{1 << 12, 0}, {0, 1 << 20}, {-1, 0}, {0, -1}}) {
      assertFails(
          "mknodat",
          Errno.EINVAL,
          () ->
              Stat.mknodat(directory, NAME, NodeType.CHARACTER_DEVICE, 0600, device[0], device[1]));
    }
  }

  @Test
  void directoryIsNoNode() {
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(() -> Stat.mknodat(directory, NAME, NodeType.DIRECTORY, 0700, 0, 0))
        .matches(e -> e.is(Errno.EPERM) || e.is(Errno.EINVAL));
  }

  @Test
  void timesAreKeptToTheNanosecondAlsoBefore1970() throws Exception {
    Files.createFile(temporary.resolve("name"));
    Stat.utimensat(directory, NAME, EARLY, LATE);
    FileStatus status = Stat.statx(directory, NAME);
    assertThat(status.accessed()).isEqualTo(EARLY);
    assertThat(status.modified()).isEqualTo(LATE);
    assertThat(status.accessed().toInstant())
        .isEqualTo(Instant.parse("1969-12-31T23:59:58.999999999Z"));
    assertThat(Timespec.of(status.accessed().toInstant())).isEqualTo(EARLY);
  }

  @Test
  void timesOfAnOpenFileAreSet() throws Exception {
    try (Fd file = Fcntl.openat(directory, NAME, 0600, OpenFlag.CREATE)) {
      Stat.futimens(file, LATE, EARLY);
      assertThat(Stat.statx(file).accessed()).isEqualTo(LATE);
      assertThat(Stat.statx(file).modified()).isEqualTo(EARLY);
    }
  }

  @Test
  void timesOfASymbolicLinkAreItsOwn() throws Exception {
    Unistd.symlinkat(LinuxPath.of("nowhere"), directory, NAME);
    Stat.utimensat(directory, NAME, EARLY, LATE, AtFlag.SYMLINK_NOFOLLOW);
    assertThat(Stat.statx(directory, NAME, AtFlag.SYMLINK_NOFOLLOW).modified()).isEqualTo(LATE);
  }

  @Test
  void modesAreSetByTheNewCallAndByTheOldWay() throws Exception {
    Files.createFile(temporary.resolve("name"));
    Stat.mkdirat(directory, LinuxPath.of("directory"), 0700);
    for (LinuxPath name : List.of(NAME, LinuxPath.of("directory"))) {
      Stat.fchmodat2(directory, name, 01640, AtFlag.SYMLINK_NOFOLLOW);
      assertThat(Stat.statx(directory, name).mode()).isEqualTo(01640);
      Stat.chmodThroughProc(directory, name, 02751, AtFlag.SYMLINK_NOFOLLOW);
      assertThat(Stat.statx(directory, name).mode()).isEqualTo(02751);
      Stat.chmodThroughProc(directory, name, 0600);
      assertThat(Stat.statx(directory, name).mode()).isEqualTo(0600);
      try (Fd place = Fcntl.openat(directory, name, OpenFlag.PATH)) {
        Stat.chmodThroughProc(place, LinuxPath.EMPTY, 0610, AtFlag.EMPTY_PATH);
        assertThat(Stat.statx(place).mode()).isEqualTo(0610);
        assertFails("fchmod", Errno.EBADF, () -> Stat.fchmod(place, 0600));
      }
      try (Fd open = Fcntl.openat(directory, name)) {
        Stat.fchmod(open, 0755);
        assertThat(Stat.statx(open).mode()).isEqualTo(0755);
      }
    }
  }

  @Test
  void modeOfASymbolicLinkIsNeverThatOfItsTarget() throws Exception {
    Files.writeString(temporary.resolve("target"), "", StandardCharsets.UTF_8);
    Stat.fchmodat2(directory, LinuxPath.of("target"), 0600);
    Unistd.symlinkat(LinuxPath.of("target"), directory, NAME);
    assertFails(
        "fchmodat2",
        Errno.EOPNOTSUPP,
        () -> Stat.fchmodat2(directory, NAME, 0777, AtFlag.SYMLINK_NOFOLLOW));
    assertFails(
        "fchmodat2",
        Errno.EOPNOTSUPP,
        () -> Stat.chmodThroughProc(directory, NAME, 0777, AtFlag.SYMLINK_NOFOLLOW));
    assertThat(Stat.statx(directory, NAME).mode()).isEqualTo(0600);
    Stat.chmodThroughProc(directory, NAME, 0640);
    assertThat(Stat.statx(directory, LinuxPath.of("target")).mode()).isEqualTo(0640);
  }

  @Test
  void missingNameHasNoModeEitherWay() {
    assertFails("fchmodat2", Errno.ENOENT, () -> Stat.fchmodat2(directory, NAME, 0600));
    assertFails("openat", Errno.ENOENT, () -> Stat.chmodThroughProc(directory, NAME, 0600));
  }

  @Test
  void namesThatAreTakenOrTooLongAreErrors() throws Exception {
    Stat.mkdirat(directory, NAME, 0700);
    assertFails("mkdirat", Errno.EEXIST, () -> Stat.mkdirat(directory, NAME, 0700));
    LinuxPath tooLong = LinuxPath.of("x".repeat(256));
    assertFails("mkdirat", Errno.ENAMETOOLONG, () -> Stat.mkdirat(directory, tooLong, 0700));
    assertFails("mkdirat", Errno.ENOENT, () -> Stat.mkdirat(directory, LinuxPath.EMPTY, 0700));
  }

  @Test
  void umaskIsReturnedAsItWasBefore() {
    int before = Stat.umask(077);
    assertThat(Stat.umask(before)).isEqualTo(077);
  }

  private static long unix(Path file, String attribute) throws Exception {
    Number value =
        (Number) Files.getAttribute(file, "unix:" + attribute, LinkOption.NOFOLLOW_LINKS);
    return value instanceof Integer number ? Integer.toUnsignedLong(number) : value.longValue();
  }
}
