package io.gatun.snapshot.root;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Ioctl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Roots on real filesystems. */
class RootIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  @ParameterizedTest
  @EnumSource
  void snapshotsAreSpreadWhereTheFilesystemCanDoThat(LoopFilesystem.Kind kind) throws Exception {
    Path path = FILESYSTEMS.of(kind).root().resolve("root");
    for (int opening = 1; opening <= 2; opening++) {
      try (Root root = Root.open(new LinuxDisk(), path)) {
        assertThat(isSpreading(root.trash())).isEqualTo(kind == LoopFilesystem.Kind.EXT4);
        assertThat(isSpreading(root.snapshots())).isFalse();
      }
    }
  }

  private static boolean isSpreading(Fd directory) throws ErrnoException {
    return Ioctl.inodeFlags(directory).contains(InodeFlag.TOP_OF_HIERARCHIES);
  }
}
