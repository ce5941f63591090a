package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.PrivateMounts;
import io.gatun.linux.Programs;
import io.gatun.linux.file.Fcntl.FallocateFlag;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.Unistd.RenameFlag;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Differences between filesystems, each fresh in a loop device. */
@ExtendWith(PrivateMounts.class)
class FilesystemIT {

  /** XFS needs at least 300 MB. */
  private static final long IMAGE_BYTES = 512L << 20;

  private static final int MEGABYTE = 1 << 20;
  private static final LinuxPath NAME = LinuxPath.of("name");
  private static final LinuxPath OTHER = LinuxPath.of("other");

  /** The filesystems and their features. */
  enum Kind {
    EXT4(FilesystemType.EXT4, false, "-q -F"),
    XFS(FilesystemType.XFS, true, "-q -m reflink=1"),
    BTRFS(FilesystemType.BTRFS, true, "-q");

    final FilesystemType type;
    final boolean clones;
    final String options;

    Kind(FilesystemType type, boolean clones, String options) {
      this.type = type;
      this.clones = clones;
      this.options = options;
    }

    String program() {
      return "mkfs." + name().toLowerCase(Locale.ROOT);
    }
  }

  @TempDir Path temporary;

  @ParameterizedTest
  @EnumSource
  void filesystemIsKnownByItsNumber(Kind kind) throws Exception {
    try (Fd root = mount(kind)) {
      FilesystemStatus status = Statfs.fstatfs(root);
      assertThat(status.type()).isEqualTo(kind.type);
      assertThat(status.blocks() * status.blockSizeBytes()).isBetween(IMAGE_BYTES / 2, IMAGE_BYTES);
    }
  }

  @ParameterizedTest
  @EnumSource
  void filesAreClonedWhereTheFilesystemCan(Kind kind) throws Exception {
    byte[] content = new byte[4 * MEGABYTE];
    Arrays.fill(content, (byte) 7);
    try (Fd root = mount(kind);
        Fd source = create(root, NAME);
        Fd target = create(root, OTHER)) {
      writeAll(source, content);
      if (!kind.clones) {
        assertFails("FICLONE", Errno.EOPNOTSUPP, () -> Ioctl.ficlone(target, source));
        return;
      }
      Unistd.syncfs(root);
      long before = Statfs.fstatfs(root).freeBlocks();
      Ioctl.ficlone(target, source);
      Unistd.syncfs(root);
      long taken = before - Statfs.fstatfs(root).freeBlocks();
      assertThat(taken * Statfs.fstatfs(root).blockSizeBytes()).isLessThan(MEGABYTE);
      assertThat(readAll(target)).isEqualTo(content);
      // The two files are independent.
      Unistd.pwrite(target, ByteBuffer.wrap(new byte[] {1}), 0);
      assertThat(readAll(source)).isEqualTo(content);
    }
  }

  @ParameterizedTest
  @EnumSource
  void holesAreFoundAndRangesAreCopied(Kind kind) throws Exception {
    try (Fd root = mount(kind);
        Fd source = create(root, NAME);
        Fd target = create(root, OTHER)) {
      Unistd.ftruncate(source, 16L * MEGABYTE);
      Unistd.pwrite(source, ByteBuffer.allocate(MEGABYTE), 4L * MEGABYTE);
      Unistd.fsync(source);
      assertThat(Unistd.seekData(source, 0)).hasValue(4L * MEGABYTE);
      assertThat(Unistd.seekHole(source, 4L * MEGABYTE)).hasValue(5L * MEGABYTE);
      assertThat(Unistd.seekData(source, 5L * MEGABYTE)).isEmpty();
      long copied = Unistd.copyFileRange(source, 4L * MEGABYTE, target, 4L * MEGABYTE, MEGABYTE);
      assertThat(copied).isPositive();
      Fcntl.fallocate(target, 0, MEGABYTE, FallocateFlag.KEEP_SIZE);
      Fcntl.syncFileRange(target, 0, 0);
      Unistd.fdatasync(target);
    }
  }

  @ParameterizedTest
  @EnumSource
  void attributesOfAllNamespacesAreKept(Kind kind) throws Exception {
    Map<LinuxPath, byte[]> attributes = new HashMap<>();
    attributes.put(LinuxPath.of("user.a"), new byte[] {1, 0, 2});
    attributes.put(LinuxPath.of("trusted.overlay.opaque"), new byte[] {'y'});
    attributes.put(LinuxPath.of("trusted.empty"), new byte[0]);
    // vfs_cap_data, revision 2: CAP_NET_RAW.
    attributes.put(
        LinuxPath.of("security.capability"),
        new byte[] {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    try (Fd root = mount(kind);
        Fd file = create(root, NAME)) {
      for (Map.Entry<LinuxPath, byte[]> attribute : attributes.entrySet()) {
        Xattr.fsetxattr(file, attribute.getKey(), attribute.getValue());
      }
      assertThat(Xattr.llistxattr(root, NAME))
          .containsExactlyInAnyOrderElementsOf(attributes.keySet());
      for (Map.Entry<LinuxPath, byte[]> attribute : attributes.entrySet()) {
        assertThat(Xattr.lgetxattr(root, NAME, attribute.getKey())).hasValue(attribute.getValue());
      }
      Unistd.symlinkat(LinuxPath.of("nowhere"), root, OTHER);
      Xattr.lsetxattr(root, OTHER, LinuxPath.of("trusted.link"), new byte[] {3});
      assertThat(Xattr.llistxattr(root, OTHER)).containsExactly(LinuxPath.of("trusted.link"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void longAttributesAreReadOnTheSecondTry(Kind kind) throws Exception {
    try (Fd root = mount(kind);
        Fd file = create(root, NAME)) {
      LinuxPath name = LinuxPath.of("user.long");
      byte[] value = new byte[kind == Kind.XFS ? Abi.XATTR_SIZE_MAX : 3500];
      Arrays.fill(value, (byte) 5);
      Xattr.fsetxattr(file, name, value);
      assertThat(Xattr.fgetxattr(file, name)).hasValue(value);
      assertThat(Xattr.lgetxattr(root, NAME, name)).hasValue(value);
    }
  }

  @ParameterizedTest
  @EnumSource
  void devicesKeepTheirNumbers(Kind kind) throws Exception {
    // The limit of XFS.
    int[][] devices = {{0, 0}, {1, 3}, {8, 256}, {259, 65_537}, {511, 262_143}};
    try (Fd root = mount(kind)) {
      for (int[] device : devices) {
        for (NodeType type : List.of(NodeType.CHARACTER_DEVICE, NodeType.BLOCK_DEVICE)) {
          LinuxPath name = LinuxPath.of(type + "-" + device[0] + "-" + device[1]);
          Stat.mknodat(root, name, type, 0600, device[0], device[1]);
          FileStatus status = Stat.statx(root, name);
          assertThat(status.type()).isEqualTo(type);
          assertThat(status.rdevMajor()).isEqualTo(device[0]);
          assertThat(status.rdevMinor()).isEqualTo(device[1]);
        }
      }
      Unistd.rewind(root);
      assertThat(new DirectoryReader().all(root))
          .filteredOn(entry -> entry.type() == NodeType.BLOCK_DEVICE)
          .hasSize(devices.length);
    }
  }

  @ParameterizedTest
  @EnumSource
  void rewoundDirectoryShowsWhatWasAddedSince(Kind kind) throws Exception {
    try (Fd root = mount(kind)) {
      new DirectoryReader().all(root);
      Stat.mkdirat(root, NAME, 0755);
      Unistd.rewind(root);
      assertThat(new DirectoryReader().all(root)).extracting(DirectoryEntry::name).contains(NAME);
    }
  }

  @ParameterizedTest
  @EnumSource
  void timesAndOwnersAreKeptWhole(Kind kind) throws Exception {
    Timespec early = new Timespec(-1_000_000_000, 1);
    Timespec late = new Timespec(4_000_000_000L, 999_999_999);
    try (Fd root = mount(kind)) {
      Unistd.symlinkat(LinuxPath.of("nowhere"), root, NAME);
      Unistd.fchownat(root, NAME, 70_000, -2, AtFlag.SYMLINK_NOFOLLOW);
      Stat.utimensat(root, NAME, early, late, AtFlag.SYMLINK_NOFOLLOW);
      FileStatus status = Stat.statx(root, NAME, AtFlag.SYMLINK_NOFOLLOW);
      assertThat(status.accessed()).isEqualTo(early);
      assertThat(status.modified()).isEqualTo(late);
      assertThat(status.uid()).isEqualTo(70_000);
      assertThat(status.gid()).isEqualTo(-2);
    }
  }

  @ParameterizedTest
  @EnumSource
  void immutableFileCannotBeRemovedUntilItIsNoLonger(Kind kind) throws Exception {
    try (Fd root = mount(kind);
        Fd file = create(root, NAME)) {
      Ioctl.changeInodeFlags(file, Set.of(InodeFlag.IMMUTABLE), Set.of());
      assertThat(Ioctl.inodeFlags(file)).contains(InodeFlag.IMMUTABLE);
      assertFails("unlinkat", Errno.EPERM, () -> Unistd.unlinkat(root, NAME));
      Ioctl.changeInodeFlags(file, Set.of(), Set.of(InodeFlag.IMMUTABLE));
      Unistd.unlinkat(root, NAME);
    }
  }

  @ParameterizedTest
  @EnumSource
  void renamingCanLeaveAWhiteout(Kind kind) throws Exception {
    try (Fd root = mount(kind)) {
      create(root, NAME).close();
      Unistd.renameat2(root, NAME, root, OTHER, RenameFlag.WHITEOUT, RenameFlag.NO_REPLACE);
      FileStatus whiteout = Stat.statx(root, NAME);
      assertThat(whiteout.type()).isEqualTo(NodeType.CHARACTER_DEVICE);
      assertThat(whiteout.rdevMajor()).isZero();
      assertThat(whiteout.rdevMinor()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void readOnlyFilesystemRefusesChangesAndSyncs(Kind kind) throws Exception {
    try (Fd root = mount(kind)) {
      create(root, NAME).close();
      LinuxPath path = root.path();
      Mounts.mount(LinuxPath.EMPTY, path, "", Set.of(MountFlag.REMOUNT, MountFlag.READ_ONLY), "");
      assertThat(Statfs.fstatfs(root).readOnly()).isTrue();
      assertFails("openat", Errno.EROFS, () -> create(root, OTHER));
      assertFails("mkdirat", Errno.EROFS, () -> Stat.mkdirat(root, OTHER, 0755));
      assertFails(
          "lsetxattr user.a of",
          Errno.EROFS,
          () -> Xattr.lsetxattr(root, NAME, LinuxPath.of("user.a"), new byte[1]));
      try (Fd file = Fcntl.openat(root, NAME)) {
        Unistd.fsync(file);
        Unistd.syncfs(file);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void fullFilesystemSaysSo(Kind kind) throws Exception {
    try (Fd root = mount(kind);
        Fd file = create(root, NAME)) {
      assertFails("fallocate", Errno.ENOSPC, () -> Fcntl.fallocate(file, 0, 2 * IMAGE_BYTES));
    }
  }

  private Fd mount(Kind kind) throws Exception {
    Path image = temporary.resolve("image");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(IMAGE_BYTES);
    }
    List<String> command = new ArrayList<>(List.of(kind.program()));
    command.addAll(List.of(kind.options.split(" ", -1)));
    command.add(image.toString());
    Programs.run(command.toArray(String[]::new));
    Path point = Files.createDirectory(temporary.resolve("mount"));
    Programs.run("mount", "-o", "loop", image.toString(), point.toString());
    return Fcntl.open(LinuxPath.of(point), OpenFlag.DIRECTORY);
  }

  private static Fd create(Fd root, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(root, name, 0600, OpenFlag.CREATE, OpenFlag.EXCLUSIVE, OpenFlag.READ_WRITE);
  }

  private static void writeAll(Fd file, byte[] content) throws ErrnoException {
    ByteBuffer buffer = ByteBuffer.wrap(content);
    while (buffer.hasRemaining()) {
      Unistd.pwrite(file, buffer, buffer.position());
    }
  }

  private static byte[] readAll(Fd file) throws ErrnoException {
    ByteBuffer buffer = ByteBuffer.allocate((int) Stat.statx(file).sizeBytes());
    while (Unistd.pread(file, buffer, buffer.position()) > 0) {}
    return buffer.array();
  }
}
