package io.gatun.linux.file;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Unistd.RenameFlag;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnistdTest {

  private static final LinuxPath NAME = LinuxPath.of("name");
  private static final LinuxPath OTHER = LinuxPath.of("other");

  @TempDir Path temporary;
  private Fd directory = Fd.CURRENT_DIRECTORY;

  @BeforeEach
  void openDirectory() throws ErrnoException {
    directory = Fcntl.open(LinuxPath.of(temporary), OpenFlag.PATH, OpenFlag.DIRECTORY);
  }

  @AfterEach
  void closeDirectory() {
    directory.close();
  }

  @Test
  void failureNamesCallPathAndReason() {
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(() -> Unistd.unlinkat(directory, NAME))
        .withMessage("unlinkat " + temporary + "/name: ENOENT (No such file or directory)")
        .matches(e -> e.is(Errno.ENOENT) && e.call().equals("unlinkat") && e.number() == 2);
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(() -> Unistd.renameat2(directory, NAME, directory, OTHER))
        .withMessageContaining(temporary + "/name -> " + temporary + "/other: ENOENT");
  }

  @Test
  void renamingReplacesRefusesOrSwaps() throws Exception {
    Files.writeString(temporary.resolve("name"), "1");
    Files.writeString(temporary.resolve("other"), "2");
    assertFails(
        "renameat2",
        Errno.EEXIST,
        () -> Unistd.renameat2(directory, NAME, directory, OTHER, RenameFlag.NO_REPLACE));
    Unistd.renameat2(directory, NAME, directory, OTHER, RenameFlag.EXCHANGE);
    assertThat(temporary.resolve("name")).hasContent("2");
    Unistd.renameat2(directory, NAME, directory, OTHER);
    assertThat(temporary.resolve("name")).doesNotExist();
    assertThat(temporary.resolve("other")).hasContent("2");
  }

  @Test
  void removingTellsDirectoriesFromFiles() throws Exception {
    Stat.mkdirat(directory, NAME, 0700);
    assertFails("unlinkat", Errno.EISDIR, () -> Unistd.unlinkat(directory, NAME));
    Stat.mkdirat(directory, NAME.resolve("child"), 0700);
    assertFails(
        "unlinkat",
        Errno.ENOTEMPTY,
        () -> Unistd.unlinkat(directory, NAME, AtFlag.REMOVE_DIRECTORY));
    Unistd.unlinkat(directory, NAME.resolve("child"), AtFlag.REMOVE_DIRECTORY);
    Unistd.unlinkat(directory, NAME, AtFlag.REMOVE_DIRECTORY);
    assertThat(temporary).isEmptyDirectory();
  }

  @Test
  void linksOfBothKindsAreMadeAndRead() throws Exception {
    LinuxPath target = LinuxPath.ofBytes(new byte[] {'/', (byte) 0xff, '.', '.'});
    Unistd.symlinkat(target, directory, NAME);
    assertThat(Unistd.readlinkat(directory, NAME)).isEqualTo(target);
    Unistd.linkat(directory, NAME, directory, OTHER);
    assertThat(Unistd.readlinkat(directory, OTHER)).isEqualTo(target);
    assertThat(Stat.statx(directory, OTHER, AtFlag.SYMLINK_NOFOLLOW).links()).isEqualTo(2);
    try (Fd link = Fcntl.openat(directory, NAME, OpenFlag.PATH, OpenFlag.NO_FOLLOW)) {
      assertThat(Unistd.readlinkat(link, LinuxPath.EMPTY)).isEqualTo(target);
    }
  }

  @Test
  void targetsOfEveryLengthAreReadWhole() throws Exception {
    for (int length : new int[] {1, 255, 256, 257, 1000, 4095}) {
      LinuxPath target = LinuxPath.of("t".repeat(length));
      LinuxPath name = LinuxPath.of("link" + length);
      Unistd.symlinkat(target, directory, name);
      assertThat(Unistd.readlinkat(directory, name)).isEqualTo(target);
    }
    assertFails(
        "symlinkat",
        Errno.ENAMETOOLONG,
        () -> Unistd.symlinkat(LinuxPath.of("t".repeat(4096)), directory, NAME));
    assertFails("readlinkat", Errno.EINVAL, () -> Unistd.readlinkat(directory, LinuxPath.of(".")));
  }

  @Test
  void ownersCanBeSetToWhatTheyAre() throws Exception {
    Unistd.symlinkat(OTHER, directory, NAME);
    int uid = Unistd.geteuid();
    int gid = Unistd.getegid();
    Unistd.fchownat(directory, NAME, uid, gid, AtFlag.SYMLINK_NOFOLLOW);
    FileStatus status = Stat.statx(directory, NAME, AtFlag.SYMLINK_NOFOLLOW);
    assertThat(status.uid()).isEqualTo(uid);
    assertThat(status.gid()).isEqualTo(gid);
    assertFails("fchownat", Errno.ENOENT, () -> Unistd.fchownat(directory, NAME, uid, gid));
    assertFails("fchown", Errno.EBADF, () -> Unistd.fchown(directory, uid, gid));
    try (Fd file = create(OTHER)) {
      Unistd.fchown(file, uid, -1);
    }
  }

  @Test
  void writesAndReadsThroughDirectAndHeapBuffers() throws Exception {
    try (Fd file = create(NAME)) {
      ByteBuffer heap = ByteBuffer.wrap("..hello..".getBytes(StandardCharsets.UTF_8), 2, 5);
      assertThat(Unistd.pwrite(file, heap, 0)).isEqualTo(5);
      assertThat(heap.remaining()).isZero();
      ByteBuffer direct = ByteBuffer.allocateDirect(16).put(new byte[] {' ', 'y', 'o', 'u'}).flip();
      assertThat(Unistd.pwrite(file, direct.asReadOnlyBuffer(), 5)).isEqualTo(4);
      assertThat(temporary.resolve("name")).hasContent("hello you");

      ByteBuffer into = ByteBuffer.allocate(20).position(3);
      assertThat(Unistd.pread(file, into, 1)).isEqualTo(8);
      assertThat(into.position()).isEqualTo(11);
      assertThat(new String(into.array(), 3, 8, StandardCharsets.UTF_8)).isEqualTo("ello you");
      ByteBuffer intoDirect = ByteBuffer.allocateDirect(4).position(1);
      assertThat(Unistd.pread(file, intoDirect, 0)).isEqualTo(3);
      assertThat(intoDirect.get(1)).isEqualTo((byte) 'h');
      assertThat(Unistd.pread(file, ByteBuffer.allocate(1), 9)).isZero();
    }
  }

  @Test
  void readOnlyHeapBuffersAreWritten() throws Exception {
    try (Fd file = create(NAME)) {
      ByteBuffer buffer = ByteBuffer.wrap(new byte[] {'a', 'b'}).asReadOnlyBuffer();
      assertThat(Unistd.write(file, buffer)).isEqualTo(2);
      assertThat(temporary.resolve("name")).hasContent("ab");
      assertThatThrownBy(() -> Unistd.read(file, buffer.rewind()))
          .isInstanceOf(ReadOnlyBufferException.class);
      assertThatThrownBy(
              () -> Unistd.pread(file, ByteBuffer.allocateDirect(1).asReadOnlyBuffer(), 0))
          .isInstanceOf(ReadOnlyBufferException.class);
    }
  }

  @Test
  void slicesOfBuffersAreNotOverrun() throws Exception {
    Files.write(temporary.resolve("name"), new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    try (Fd file = Fcntl.openat(directory, NAME)) {
      for (ByteBuffer whole :
          new ByteBuffer[] {ByteBuffer.allocate(8), ByteBuffer.allocateDirect(8)}) {
        ByteBuffer slice = whole.slice(2, 4).position(1).limit(3);
        assertThat(Unistd.pread(file, slice, 0)).isEqualTo(2);
        byte[] all = new byte[8];
        whole.get(0, all);
        assertThat(all).containsExactly(0, 0, 0, 1, 2, 0, 0, 0);
      }
    }
  }

  @Test
  void emptyBufferMovesNothing() throws Exception {
    try (Fd file = create(NAME)) {
      assertThat(Unistd.pwrite(file, ByteBuffer.allocate(0), 0)).isZero();
      assertThat(Unistd.pread(file, ByteBuffer.allocateDirect(0), 0)).isZero();
    }
  }

  @Test
  void largeHeapBuffersAreWrittenInParts() throws Exception {
    byte[] content = new byte[3 * Buffers.CHUNK_BYTES / 2];
    new Random(1).nextBytes(content);
    try (Fd file = create(NAME)) {
      ByteBuffer buffer = ByteBuffer.wrap(content);
      assertThat(Unistd.pwrite(file, buffer, 0)).isEqualTo(Buffers.CHUNK_BYTES);
      while (buffer.hasRemaining()) {
        Unistd.pwrite(file, buffer, buffer.position());
      }
      assertThat(Files.readAllBytes(temporary.resolve("name"))).isEqualTo(content);
      ByteBuffer into = ByteBuffer.allocate(content.length);
      while (Unistd.pread(file, into, into.position()) > 0) {}
      assertThat(into.array()).isEqualTo(content);
    }
  }

  @Test
  void negativeOffsetsAreRefused() throws Exception {
    try (Fd file = create(NAME)) {
      assertThatThrownBy(() -> Unistd.pread(file, ByteBuffer.allocate(1), -1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("negative offset: -1");
      assertThatThrownBy(() -> Unistd.pwrite(file, ByteBuffer.allocate(1), -1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> Unistd.ftruncate(file, -1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> Unistd.seekData(file, -1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void rangesAreCopiedBetweenFiles() throws Exception {
    try (Fd source = create(NAME);
        Fd target = create(OTHER)) {
      Unistd.pwrite(source, ByteBuffer.wrap("0123456789".getBytes(StandardCharsets.UTF_8)), 0);
      assertThat(Unistd.copyFileRange(source, 2, target, 1, 5)).isEqualTo(5);
      assertThat(Files.readString(temporary.resolve("other"))).isEqualTo("\00023456");
      assertThat(Unistd.copyFileRange(source, 10, target, 0, 5)).isZero();
    }
    try (Fd source = Fcntl.openat(directory, NAME);
        Fd readOnly = Fcntl.openat(directory, OTHER)) {
      assertFails(
          "copy_file_range", Errno.EBADF, () -> Unistd.copyFileRange(source, 0, readOnly, 0, 1));
    }
  }

  @Test
  void filesAreCutAndExtended() throws Exception {
    try (Fd file = create(NAME)) {
      Unistd.ftruncate(file, 5_000_000_000L);
      assertThat(Stat.statx(file).sizeBytes()).isEqualTo(5_000_000_000L);
      Unistd.ftruncate(file, 0);
      assertThat(Stat.statx(file).sizeBytes()).isZero();
    }
  }

  @Test
  void syncsSucceedOnFilesAndDirectoriesButNotOnPlaces() throws Exception {
    try (Fd file = create(NAME);
        Fd open = Fcntl.openat(directory, LinuxPath.of("."), OpenFlag.DIRECTORY)) {
      for (Fd any : new Fd[] {file, open}) {
        Unistd.fsync(any);
        Unistd.fdatasync(any);
        Unistd.syncfs(any);
      }
      assertFails("fsync", Errno.EBADF, () -> Unistd.fsync(directory));
      assertFails("fdatasync", Errno.EBADF, () -> Unistd.fdatasync(directory));
      assertFails("syncfs", Errno.EBADF, () -> Unistd.syncfs(directory));
    }
  }

  private Fd create(LinuxPath name) throws ErrnoException {
    return Fcntl.openat(
        directory, name, 0600, OpenFlag.READ_WRITE, OpenFlag.CREATE, OpenFlag.EXCLUSIVE);
  }
}
