package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FdTest {

  private static final int O_CLOEXEC = 02000000;

  @TempDir Path temporary;

  @Test
  void closingTwiceIsHarmless() throws Exception {
    Fd first = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
    int number = first.number();
    first.close();
    try (Fd second = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY)) {
      // The kernel reuses the lowest free number, which makes this the critical case.
      assertThat(second.number()).isEqualTo(number);
      first.close();
      assertThat(Stat.statx(second).type()).isEqualTo(NodeType.DIRECTORY);
    }
  }

  @Test
  void closedDescriptorCannotBeUsed() throws Exception {
    Fd closed = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
    closed.close();
    assertThat(closed.isOpen()).isFalse();
    assertThatThrownBy(() -> Stat.mkdirat(closed, LinuxPath.of("x"), 0755))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("descriptor is closed: " + temporary);
    assertThat(closed).hasToString("closed fd (" + temporary + ")");
  }

  @Test
  void closeOfNoDescriptorIsBadDescriptor() {
    assertThat(Fd.close(-1)).isEqualTo(-Errno.EBADF.number());
  }

  @Test
  void numberThatSomebodyElseClosedIsReported() throws Exception {
    Fd descriptor = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY);
    assertThat(Fd.close(descriptor.number())).isZero();
    assertThatThrownBy(descriptor::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("was not open");
  }

  @Test
  void descriptorsKnowThePathThatTheyWereOpenedBy() throws Exception {
    try (Fd top = Fcntl.open(LinuxPath.of(temporary), OpenFlag.PATH)) {
      Stat.mkdirat(top, LinuxPath.of("a"), 0755);
      try (Fd below = Fcntl.openat(top, LinuxPath.of("a"), OpenFlag.DIRECTORY);
          Fd absolute = Fcntl.openat(top, LinuxPath.of("/"), OpenFlag.DIRECTORY)) {
        assertThat(below.path()).isEqualTo(LinuxPath.of(temporary).resolve("a"));
        assertThat(absolute.path()).isEqualTo(LinuxPath.of("/"));
        assertThat(below).hasToString("fd " + below.number() + " (" + temporary.resolve("a") + ")");
      }
    }
  }

  @Test
  void currentDirectoryIsNeverClosed() throws Exception {
    Fd.CURRENT_DIRECTORY.close();
    assertThat(Fd.CURRENT_DIRECTORY.isOpen()).isTrue();
    try (Fd current = Fcntl.open(LinuxPath.of("."), OpenFlag.PATH)) {
      assertThat(
              Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(".")).isSameInode(Stat.statx(current)))
          .isTrue();
    }
  }

  @Test
  void descriptorsAreNotInheritedByOtherPrograms() throws Exception {
    try (Fd descriptor = Fcntl.open(LinuxPath.of(temporary), OpenFlag.DIRECTORY)) {
      Path info = Path.of("/proc/self/fdinfo/" + descriptor.number());
      String flags =
          Files.readAllLines(info).stream()
              .filter(line -> line.startsWith("flags:"))
              .findFirst()
              .orElseThrow();
      int value = Integer.parseInt(flags.substring("flags:".length()).strip(), 8);
      assertThat(value & O_CLOEXEC).isNotZero();
    }
  }
}
