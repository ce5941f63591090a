package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.LinuxDisk;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Copies of trees that exceed the usual limits. */
class TreeCopyExtremesIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int NAME_BYTES_MAX = 255;

  /** More names than one read of a directory returns; several threads copy a part each. */
  private static final int MANY = 20_000;

  /** With the longest names, a hundred times as deep as a single path can lead. */
  private static final int DEEP = 1_600;

  @ParameterizedTest
  @EnumSource
  void namesMayHoldAnything(Kind kind) throws Exception {
    byte[] everyByte = new byte[254];
    for (int i = 0, value = 1; i < everyByte.length; value++) {
      if (value != '/') {
        everyByte[i++] = (byte) value;
      }
    }
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      for (byte[] name :
          List.of(everyByte, longest(), new byte[] {'.', '.', '.'}, new byte[] {'\n'})) {
        LinuxPath file = LinuxPath.ofBytes(name);
        CopiedTree.create(tree.top(), file).close();
        Unistd.symlinkat(file, tree.top(), LinuxPath.of("link-" + name.length));
      }
      tree.copyAndCompare();
    }
  }

  @ParameterizedTest
  @EnumSource
  void treesMayBeDeeperThanAnyPath(Kind kind) throws Exception {
    LinuxPath name = LinuxPath.ofBytes(longest());
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      Fd at = Fcntl.openat(tree.top(), LinuxPath.of("."), OpenFlag.DIRECTORY);
      for (int i = 0; i < DEEP; i++) {
        Stat.mkdirat(at, name, 0700 | i % 8);
        at = descend(at, name);
      }
      CopiedTree.create(at, LinuxPath.of("bottom")).close();
      at.close();
      tree.copyWith(new LinuxDisk());
      assertEqualToTheBottom(tree, name);
    }
  }

  private static void assertEqualToTheBottom(CopiedTree tree, LinuxPath name)
      throws ErrnoException {
    Fd original = Fcntl.openat(tree.top(), LinuxPath.of("."), OpenFlag.DIRECTORY);
    Fd copy = Fcntl.openat(tree.copy(), LinuxPath.of("."), OpenFlag.DIRECTORY);
    for (int i = 0; i < DEEP; i++) {
      original = descend(original, name);
      copy = descend(copy, name);
      FileStatus expected = Stat.statx(original);
      FileStatus found = Stat.statx(copy);
      assertThat(found.mode()).isEqualTo(expected.mode());
      assertThat(found.modified()).isEqualTo(expected.modified());
    }
    assertThat(Stat.statx(copy, LinuxPath.of("bottom")).type()).isEqualTo(NodeType.REGULAR);
    original.close();
    copy.close();
  }

  private static Fd descend(Fd from, LinuxPath name) throws ErrnoException {
    try (from) {
      return Fcntl.openat(from, name, OpenFlag.DIRECTORY);
    }
  }

  @ParameterizedTest
  @EnumSource
  void directoriesMayHoldMoreNamesThanAreReadAtOnce(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      tree.directory("large");
      for (int i = 0; i < MANY; i++) {
        tree.node(
            "large/some-name-that-takes-room-" + i,
            i % 100 == 0 ? NodeType.FIFO : NodeType.REGULAR,
            0,
            0);
      }
      tree.copyAndCompare();
    }
  }

  private static byte[] longest() {
    byte[] name = new byte[NAME_BYTES_MAX];
    Arrays.fill(name, (byte) 0xfe);
    return name;
  }
}
