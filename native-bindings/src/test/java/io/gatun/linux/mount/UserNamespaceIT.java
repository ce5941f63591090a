package io.gatun.linux.mount;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.mount.Mounts.OpenTreeFlag;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** User namespaces without processes, used for their id mappings. */
class UserNamespaceIT {

  @TempDir Path temporary;

  private static long children() {
    return ProcessHandle.current().children().count();
  }

  @Test
  void mountShowsOwnersAsTheNamespaceMapsThem() throws Exception {
    Path directory = Files.createDirectory(temporary.resolve("directory"));
    long before = children();
    for (int i = 0; i < 20; i++) {
      try (Fd namespace =
              Sched.newUserNamespace("0 100000 65536\n", "0 200000 10\n10 300000 10\n");
          Fd tree =
              Mounts.openTree(Fd.CURRENT_DIRECTORY, LinuxPath.of(directory), OpenTreeFlag.CLONE)) {
        Mounts.mountSetattr(
            tree,
            LinuxPath.EMPTY,
            new MountChange(Set.of(), Optional.empty(), Optional.of(namespace)),
            AtFlag.EMPTY_PATH);
        FileStatus mapped = Stat.statx(tree);
        assertThat(mapped.uid()).isEqualTo(100_000);
        assertThat(mapped.gid()).isEqualTo(200_000);
      }
    }
    assertThat(children()).isEqualTo(before);
  }

  @Test
  void mappingThatIsNoneIsRefusedAndNoChildIsLeft() {
    long before = children();
    assertFails(
        "write", Errno.EINVAL, () -> Sched.newUserNamespace("0 100000 0\n", "0 0 1\n").close());
    assertFails(
        "write",
        Errno.EINVAL,
        () -> Sched.newUserNamespace("0 0 1\n", "0 0 10\n5 100 10\n").close());
    assertThat(children()).isEqualTo(before);
  }
}
