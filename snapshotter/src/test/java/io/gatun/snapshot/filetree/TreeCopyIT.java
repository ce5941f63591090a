package io.gatun.snapshot.filetree;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.driver.CopiedTree;
import io.gatun.snapshot.driver.WorkDirectory;
import io.gatun.snapshot.fixture.LoopFilesystem.Kind;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a full copy preserves, on each filesystem. */
class TreeCopyIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  /** Version 2: user::rwx, user:1000:rw-, group::r-x, mask::rwx, other::---, see acl(5). */
  private static final byte[] ACL =
      littleEndian(
          2,
          tag(0x01, 7),
          -1,
          tag(0x02, 6),
          1000,
          tag(0x04, 5),
          -1,
          tag(0x10, 7),
          -1,
          tag(0x20, 0),
          -1);

  /** VFS_CAP_REVISION_2: CAP_NET_RAW, permitted and effective, capabilities(7). */
  private static final byte[] CAPABILITY = littleEndian(0x0200_0001, 1 << 13, 0, 0, 0);

  private static final LinuxPath SECURITY_CAPABILITY = LinuxPath.of("security.capability");
  private static final LinuxPath ACCESS_ACL = LinuxPath.of("system.posix_acl_access");
  private static final LinuxPath DEFAULT_ACL = LinuxPath.of("system.posix_acl_default");

  @ParameterizedTest
  @EnumSource
  void setUserIdAndCapabilitiesSurviveTheChangeOfOwner(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      for (int mode : new int[] {04755, 02755, 06711, 01777, 0, 0400, 07777}) {
        String file = "file-" + Integer.toOctalString(mode);
        String directory = "directory-" + Integer.toOctalString(mode);
        tree.file(file);
        tree.directory(directory);
        tree.file(directory + "/inside");
        for (String each : List.of(file, directory)) {
          Unistd.fchownat(tree.top(), LinuxPath.of(each), 1000, 2000);
          Stat.fchmodat2(tree.top(), LinuxPath.of(each), mode);
        }
        Xattr.lsetxattr(tree.top(), LinuxPath.of(file), SECURITY_CAPABILITY, CAPABILITY);
      }
      tree.copyAndCompare();
      assertThat(tree.copied("file-6711").mode()).isEqualTo(06711);
      assertThat(tree.copied("directory-2755").mode()).isEqualTo(02755);
      assertThat(tree.copied("directory-2755/inside").gid()).isZero();
      assertThat(Xattr.lgetxattr(tree.copy(), LinuxPath.of("file-4755"), SECURITY_CAPABILITY))
          .hasValue(CAPABILITY);
    }
  }

  @ParameterizedTest
  @EnumSource
  void accessControlListsAndAttributesOfEveryNamespaceAreKept(Kind kind) throws Exception {
    LinuxPath directory = LinuxPath.of("directory");
    LinuxPath file = LinuxPath.of("file");
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      Fd top = tree.top();
      tree.directory("directory");
      tree.file("directory/before");
      Xattr.lsetxattr(top, directory, DEFAULT_ACL, ACL);
      tree.file("directory/inheriting");
      tree.file("file");
      Xattr.lsetxattr(top, file, ACCESS_ACL, ACL);
      Xattr.lsetxattr(top, file, LinuxPath.of("user.empty"), new byte[0]);
      Xattr.lsetxattr(top, file, LinuxPath.of("user.long"), new byte[3_000]);
      Xattr.lsetxattr(top, file, LinuxPath.of("trusted.some"), new byte[] {0, 1, -1});
      Xattr.lsetxattr(top, file, LinuxPath.of("security.some"), new byte[] {7});
      tree.link("link", "nowhere");
      Xattr.lsetxattr(top, LinuxPath.of("link"), LinuxPath.of("trusted.some"), new byte[] {1});
      tree.node("fifo", NodeType.FIFO, 0, 0);
      Xattr.lsetxattr(top, LinuxPath.of("fifo"), ACCESS_ACL, ACL);
      tree.copyAndCompare();
      Fd copy = tree.copy();
      assertThat(Xattr.lgetxattr(copy, file, ACCESS_ACL)).hasValue(ACL);
      assertThat(Xattr.lgetxattr(copy, directory, DEFAULT_ACL)).hasValue(ACL);
      assertThat(Xattr.lgetxattr(copy, directory.resolve("before"), ACCESS_ACL)).isEmpty();
      assertThat(Xattr.lgetxattr(copy, directory.resolve("inheriting"), ACCESS_ACL)).isPresent();
    }
  }

  @ParameterizedTest
  @EnumSource
  void listsOfTheDirectoryThatTheCopyIsMadeInAreNotInherited(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      tree.file("file");
      tree.directory("directory");
      Xattr.fsetxattr(tree.copy(), DEFAULT_ACL, ACL);
      Xattr.fsetxattr(tree.copy(), ACCESS_ACL, ACL);
      tree.copyAndCompare();
      assertThat(Xattr.flistxattr(tree.copy())).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  void timesAreKeptToTheNanosecond(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      tree.directory("directory");
      tree.file("directory/file");
      tree.link("link", "directory");
      tree.node("device", NodeType.BLOCK_DEVICE, 7, 8);
      int nanos = 123_456_789;
      for (String each : List.of("directory/file", "link", "device", "directory", ".")) {
        Stat.utimensat(
            tree.top(),
            LinuxPath.of(each),
            new Timespec(4_000_000_000L, nanos++),
            new Timespec(-7, nanos++),
            AtFlag.SYMLINK_NOFOLLOW);
      }
      tree.copyAndCompare();
      assertThat(tree.copied("directory/file").accessed())
          .isEqualTo(new Timespec(4_000_000_000L, 123_456_789));
      assertThat(tree.copied("link").accessed())
          .isEqualTo(new Timespec(4_000_000_000L, 123_456_791));
      assertThat(tree.copied("link").modified()).isEqualTo(new Timespec(-7, 123_456_792));
      assertThat(tree.copied("directory").modified()).isEqualTo(new Timespec(-7, 123_456_796));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyKindOfFileIsCopied(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      tree.node("character", NodeType.CHARACTER_DEVICE, 1, 3);
      tree.node("whiteout", NodeType.CHARACTER_DEVICE, 0, 0);
      tree.node("block", NodeType.BLOCK_DEVICE, 259, 200_000);
      tree.node("fifo", NodeType.FIFO, 0, 0);
      tree.link("link", "somewhere");
      tree.link("long-link", "l".repeat(1_000));
      tree.file("file");
      tree.create("empty").close();
      tree.copyAndCompare();
      assertThat(tree.copied("block").rdevMajor()).isEqualTo(259);
      assertThat(tree.copied("block").rdevMinor()).isEqualTo(200_000);
    }
  }

  @ParameterizedTest
  @EnumSource
  void socketsAreLeftOut(Kind kind) throws Exception {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      tree.node("socket", NodeType.SOCKET, 0, 0);
      tree.file("file");
      tree.copyWith(new LinuxDisk());
      assertThat(tree.outside().resolve("target")).isDirectoryContaining("glob:**/file");
      assertThat(tree.outside().resolve("target")).isDirectoryNotContaining("glob:**/socket");
    }
  }

  @ParameterizedTest
  @EnumSource
  void hardLinksStayLinksOfEachOther(Kind kind) throws Exception {
    List<String> files = List.of("file", "link", "fifo");
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      Fd top = tree.top();
      tree.file("file");
      tree.link("link", "file");
      tree.node("fifo", NodeType.FIFO, 0, 0);
      for (int i = 0; i < 20; i++) {
        LinuxPath directory = LinuxPath.of("directory-" + i);
        tree.directory(directory.toString());
        for (String each : files) {
          Unistd.linkat(top, LinuxPath.of(each), top, directory.resolve(each));
          tree.file(directory.resolve("other-" + each).toString());
        }
      }
      // A hard link outside the copied tree, which the copy must not need.
      try (Fd outside = WorkDirectory.open(tree.outside())) {
        Unistd.linkat(top, LinuxPath.of("file"), outside, LinuxPath.of("outside"));
      }
      tree.copyAndCompare();
      for (String each : files) {
        assertThat(tree.copied(each).links()).isEqualTo(21);
        assertThat(tree.copied(each).isSameInode(tree.copied("directory-7/" + each))).isTrue();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 022, 0777})
  void modesDoNotDependOnTheUmask(int umask) throws Exception {
    int before = Stat.umask(umask);
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(Kind.EXT4))) {
      tree.file("file");
      tree.directory("directory");
      tree.node("fifo", NodeType.FIFO, 0, 0);
      for (String each : List.of("file", "directory", "fifo")) {
        Stat.fchmodat2(tree.top(), LinuxPath.of(each), 0666);
      }
      tree.copyAndCompare();
    } finally {
      Stat.umask(before);
    }
  }

  private static int tag(int tag, int permissions) {
    return tag | permissions << 16;
  }

  private static byte[] littleEndian(int... values) {
    ByteBuffer buffer =
        ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int value : values) {
      buffer.putInt(value);
    }
    return buffer.array();
  }
}
