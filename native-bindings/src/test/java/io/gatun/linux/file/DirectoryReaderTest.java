package io.gatun.linux.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectoryReaderTest {

  private static final int SMALLEST_BUFFER_BYTES = 280;

  @TempDir Path temporary;

  @Test
  void emptyDirectoryHasNoEntries() throws Exception {
    try (Fd directory = open(temporary)) {
      assertThat(new DirectoryReader().next(directory)).isEmpty();
    }
  }

  @Test
  void everyNameIsSeenOnceHoweverSmallTheBuffer() throws Exception {
    Set<LinuxPath> expected = new HashSet<>();
    for (int i = 0; i < 500; i++) {
      String name = "n".repeat(1 + i % 250) + i;
      Files.createFile(temporary.resolve(name));
      expected.add(LinuxPath.of(name));
    }
    try (Fd directory = open(temporary)) {
      for (int bufferBytes : List.of(SMALLEST_BUFFER_BYTES, 4096, 1 << 20)) {
        Unistd.rewind(directory);
        List<DirectoryEntry> entries = new DirectoryReader(bufferBytes).all(directory);
        assertThat(entries).hasSameSizeAs(expected);
        assertThat(entries)
            .extracting(DirectoryEntry::name)
            .containsExactlyInAnyOrderElementsOf(expected);
      }
    }
  }

  @Test
  void typesAndInodesAreThoseOfStatx() throws Exception {
    try (Fd directory = open(temporary)) {
      Stat.mkdirat(directory, LinuxPath.of("directory"), 0755);
      Fcntl.openat(directory, LinuxPath.of("file"), 0644, OpenFlag.CREATE).close();
      Unistd.symlinkat(LinuxPath.of("nowhere"), directory, LinuxPath.of("link"));
      Stat.mknodat(directory, LinuxPath.of("fifo"), NodeType.FIFO, 0644, 0, 0);
      Stat.mknodat(directory, LinuxPath.of("socket"), NodeType.SOCKET, 0644, 0, 0);
      List<DirectoryEntry> entries = new DirectoryReader().all(directory);
      assertThat(entries).hasSize(5);
      for (DirectoryEntry entry : entries) {
        FileStatus status = Stat.statx(directory, entry.name(), AtFlag.SYMLINK_NOFOLLOW);
        assertThat(entry.type()).as(entry.toString()).isEqualTo(status.type());
        assertThat(entry.inode()).isEqualTo(status.inode());
      }
    }
  }

  @Test
  void namesOfAnyBytesAreKept() throws Exception {
    LinuxPath name = LinuxPath.ofBytes(new byte[] {(byte) 0xff, '\n', (byte) 0xc3, 'x', 1});
    try (Fd directory = open(temporary)) {
      Stat.mkdirat(directory, name, 0755);
      assertThat(new DirectoryReader().all(directory))
          .singleElement()
          .extracting(DirectoryEntry::name)
          .isEqualTo(name);
      Unistd.unlinkat(directory, name, AtFlag.REMOVE_DIRECTORY);
    }
  }

  @Test
  void oneReaderServesNestedDirectories() throws Exception {
    Files.createDirectories(temporary.resolve("a/b/c"));
    DirectoryReader reader = new DirectoryReader();
    try (Fd top = open(temporary)) {
      LinuxPath a = reader.next(top).get(0).name();
      try (Fd middle = Fcntl.openat(top, a, OpenFlag.DIRECTORY)) {
        assertThat(reader.next(middle)).hasSize(1);
        assertThat(reader.next(top)).isEmpty();
        assertThat(reader.next(middle)).isEmpty();
      }
    }
  }

  @Test
  void fileIsNotADirectory() throws Exception {
    Path file = Files.createFile(temporary.resolve("file"));
    try (Fd notDirectory = open(file)) {
      assertThatExceptionOfType(ErrnoException.class)
          .isThrownBy(() -> new DirectoryReader().next(notDirectory))
          .withMessage("getdents64 " + file + ": ENOTDIR (Not a directory)");
    }
  }

  @Test
  void bufferThatCannotHoldTheLongestNameIsRefused() {
    assertThatThrownBy(() -> new DirectoryReader(SMALLEST_BUFFER_BYTES - 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static Fd open(Path path) throws ErrnoException {
    return Fcntl.open(LinuxPath.of(path), OpenFlag.READ_ONLY);
  }
}
