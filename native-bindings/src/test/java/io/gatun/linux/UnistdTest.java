package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnistdTest {

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
  void closeOfNoDescriptorIsBadDescriptor() {
    assertThat(Unistd.close(-1)).isEqualTo(Errno.EBADF.number());
  }

  @Test
  void writesAndReadsThroughDirectAndHeapBuffers() throws Exception {
    LinuxPath name = LinuxPath.of("file");
    try (Fd file =
        Fcntl.openat(
            directory, name, 0600, OpenFlag.READ_WRITE, OpenFlag.CREATE, OpenFlag.EXCLUSIVE)) {
      ByteBuffer heap = ByteBuffer.wrap("..hello..".getBytes(StandardCharsets.UTF_8), 2, 5);
      assertThat(Unistd.pwrite(file, heap, 0)).isEqualTo(5);
      assertThat(heap.remaining()).isZero();
      ByteBuffer direct = ByteBuffer.allocateDirect(16).put(new byte[] {' ', 'y', 'o', 'u'}).flip();
      assertThat(Unistd.pwrite(file, direct.asReadOnlyBuffer(), 5)).isEqualTo(4);
      assertThat(Files.readString(temporary.resolve("file"))).isEqualTo("hello you");

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
  void failureNamesCallPathAndReason() {
    assertThatExceptionOfType(ErrnoException.class)
        .isThrownBy(() -> Unistd.unlinkat(directory, LinuxPath.of("none")))
        .withMessage("unlinkat " + temporary + "/none: ENOENT (No such file or directory)")
        .matches(e -> e.is(Errno.ENOENT) && e.call().equals("unlinkat") && e.number() == 2);
  }

  @Test
  void negativeOffsetsAreRefused() throws Exception {
    try (Fd file = Fcntl.openat(directory, LinuxPath.of("f"), 0600, OpenFlag.CREATE)) {
      assertThatThrownBy(() -> Unistd.pread(file, ByteBuffer.allocate(1), -1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("negative offset: -1");
    }
  }
}
