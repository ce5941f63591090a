package io.gatun.linux.mount;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.LinuxPath;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Parsing of the table; {@code LoopIT} tests the kernel's entries of real mounts. */
class MountTableTest {

  private static final LinuxPath ROOT = LinuxPath.of("/");

  @Test
  void lineIsTakenApart() {
    assertThat(
            MountTable.parse(
                "36 35 98:1 /mnt1 /mnt2 rw,noatime shared:7 master:1 propagate_from:2 - ext3"
                    + " /dev/root rw,errors=continue\n"))
        .containsExactly(
            new MountEntry(
                36,
                35,
                (98 << 8) + 1,
                LinuxPath.of("/mnt1"),
                LinuxPath.of("/mnt2"),
                Set.of("rw", "noatime"),
                OptionalInt.of(7),
                OptionalInt.of(1),
                "ext3",
                LinuxPath.of("/dev/root"),
                "rw,errors=continue"));
  }

  @Test
  void mountWithoutPropagationAndSourceIsTakenApart() {
    MountEntry mount = MountTable.parse("36 1 0:300 / /mnt ro - tmpfs  rw\n").getFirst();
    assertThat(mount.isShared()).isFalse();
    assertThat(mount.masterGroup()).isEmpty();
    assertThat(mount.source()).isEqualTo(LinuxPath.EMPTY);
    // Beyond eight bits, the minor number continues above the major one.
    assertThat(mount.device()).isEqualTo(0x10_002c);
  }

  @Test
  void escapesBecomeTheBytesThatTheyStandFor() {
    MountEntry mount =
        MountTable.parse("36 1 0:3 / /a\\040b\\011c\\012d\\134e\\043\u00ff rw - tmpfs x\\040y rw\n")
            .getFirst();
    assertThat(mount.mountPoint())
        .isEqualTo(LinuxPath.ofBytes("/a b\tc\nd\\e#\u00ff".getBytes(StandardCharsets.ISO_8859_1)));
    assertThat(mount.source()).isEqualTo(LinuxPath.of("x y"));
  }

  @Test
  void whatIsNoLineOfATableIsRefused() {
    assertThatThrownBy(() -> MountTable.parse("36 35 98:0 / / rw shared:1 ext3 /dev/root rw"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("36 35 98:0");
  }

  @Test
  void ownTableHasTheRootAndSoHasThatOfTheProcess() throws Exception {
    assertThat(MountTable.read()).extracting(MountEntry::mountPoint).contains(ROOT);
    assertThat(MountTable.ofProcess(ProcessHandle.current().pid()))
        .extracting(MountEntry::mountPoint)
        .contains(ROOT);
  }

  @Test
  void processThatIsNotThereHasNoTable() {
    assertFails("openat", Errno.ENOENT, () -> MountTable.ofProcess(Integer.MAX_VALUE));
  }
}
