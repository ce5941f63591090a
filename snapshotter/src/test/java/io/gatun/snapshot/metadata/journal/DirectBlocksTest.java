package io.gatun.snapshot.metadata.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Direct writes have the same result as writes through the page cache. */
final class DirectBlocksTest {

  private static final String NAME = "journal-1";

  /** Not a multiple of the block size. */
  private static final int SIZE_BYTES = 200_008;

  private static final int CONTENT_BYTES_MAX = 40_000;

  @TempDir private Path directory;

  /** Writes partially and then fails, as often as requested. */
  private static final class FailingDisk extends ForwardingDisk {
    private boolean isToFail;
    private boolean hasWritten;

    FailingDisk() {
      super(new LinuxDisk());
    }

    void failNext() {
      isToFail = true;
      hasWritten = false;
    }

    @Override
    public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
      if (!isToFail) {
        return super.write(file, buffer, offset);
      }
      if (!hasWritten && buffer.remaining() > 4096) {
        hasWritten = true;
        ByteBuffer part = buffer.slice(buffer.position(), 4096);
        buffer.position(buffer.position() + 4096);
        return super.write(file, part, offset);
      }
      isToFail = false;
      throw new ErrnoException("pwrite", Errno.EIO, LinuxPath.of(NAME));
    }
  }

  @Property(tries = 200)
  void everythingIsWhereItWasToBe(@ForAll long seed) throws IOException {
    Path top = Files.createTempDirectory("direct-blocks");
    try (Fd parent = open(top)) {
      assertEverythingIsThere(top.resolve(NAME), parent, new Random(seed));
    } finally {
      Files.deleteIfExists(top.resolve(NAME));
      Files.delete(top);
    }
  }

  private static void assertEverythingIsThere(Path path, Fd parent, Random random)
      throws IOException {
    byte[] expected = new byte[SIZE_BYTES];
    int position = random.nextInt(3 * 4096);
    fill(random, expected, 0, position);
    Files.write(path, expected);
    FailingDisk disk = new FailingDisk();
    Optional<DirectBlocks> opened = DirectBlocks.open(disk, parent, NAME, SIZE_BYTES);
    assumeThat(opened).as("O_DIRECT in the directory for temporary files").isPresent();
    try (DirectBlocks blocks = opened.get();
        Fd file = DurableFile.open(parent, NAME)) {
      boolean isFull = false;
      while (!isFull) {
        int bytes = 1 + random.nextInt(random.nextInt(4) == 0 ? CONTENT_BYTES_MAX : 300);
        isFull = position + bytes > SIZE_BYTES;
        if (!isFull) {
          ByteBuffer content = ByteBuffer.allocateDirect(bytes);
          fill(random, expected, position, position + bytes);
          content.put(expected, position, bytes).flip();
          if (random.nextInt(4) == 0) {
            fail(disk, blocks, content.duplicate(), position);
          }
          if (!blocks.tryWrite(content, position)) {
            DurableFile.write(disk, file, content, position);
          }
          position += bytes;
        }
      }
    }
    byte[] found = Files.readAllBytes(path);
    assertThat(found).hasSize(SIZE_BYTES);
    assertThat(Arrays.copyOf(found, position)).isEqualTo(Arrays.copyOf(expected, position));
  }

  private static void fill(Random random, byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      bytes[i] = (byte) (1 + random.nextInt(255));
    }
  }

  /** Writes other content at the same place first, which fails. */
  private static void fail(FailingDisk disk, DirectBlocks blocks, ByteBuffer other, int position) {
    ByteBuffer content = ByteBuffer.allocateDirect(other.remaining());
    disk.failNext();
    try {
      blocks.tryWrite(content, position);
    } catch (ErrnoException e) {
      assertThat(e.errno()).isEqualTo(Errno.EIO);
    }
    disk.isToFail = false;
  }

  @Test
  void zerosComeBehindWhatIsWritten() throws IOException {
    byte[] rubbish = new byte[3 * 4096];
    Arrays.fill(rubbish, (byte) 'r');
    Files.write(directory.resolve(NAME), rubbish);
    try (Fd parent = open(directory)) {
      Optional<DirectBlocks> blocks =
          DirectBlocks.open(new LinuxDisk(), parent, NAME, rubbish.length);
      assumeThat(blocks).isPresent();
      try (DirectBlocks direct = blocks.get()) {
        ByteBuffer content = ByteBuffer.allocateDirect(2);
        content.put(new byte[] {'a', 'b'}).flip();
        assertThat(direct.tryWrite(content, 4100)).isTrue();
        assertThat(content.hasRemaining()).isFalse();
      }
    }
    byte[] expected = rubbish.clone();
    expected[4100] = 'a';
    expected[4101] = 'b';
    Arrays.fill(expected, 4102, 8192, (byte) 0);
    assertThat(Files.readAllBytes(directory.resolve(NAME))).isEqualTo(expected);
  }

  @Test
  void aFailureIsReported() throws IOException {
    Files.write(directory.resolve(NAME), new byte[SIZE_BYTES]);
    FailingDisk disk = new FailingDisk();
    try (Fd parent = open(directory)) {
      Optional<DirectBlocks> blocks = DirectBlocks.open(disk, parent, NAME, SIZE_BYTES);
      assumeThat(blocks).isPresent();
      try (DirectBlocks direct = blocks.get()) {
        disk.failNext();
        assertThatThrownBy(() -> direct.tryWrite(ByteBuffer.allocateDirect(8), 0))
            .hasMessageContaining("EIO");
      }
    }
  }

  @Test
  void whatIsSmallerThanABlockIsLeftToOthers() throws IOException {
    Files.write(directory.resolve(NAME), new byte[4095]);
    try (Fd parent = open(directory)) {
      assertThat(DirectBlocks.open(new LinuxDisk(), parent, NAME, 4095)).isEmpty();
    }
  }

  @Test
  void whatIsTooLargeIsLeftToOthers() throws IOException {
    Files.write(directory.resolve(NAME), new byte[SIZE_BYTES]);
    try (Fd parent = open(directory)) {
      Optional<DirectBlocks> blocks = DirectBlocks.open(new LinuxDisk(), parent, NAME, SIZE_BYTES);
      assumeThat(blocks).isPresent();
      try (DirectBlocks direct = blocks.get()) {
        assertThat(direct.tryWrite(ByteBuffer.allocateDirect(32_769), 0)).isFalse();
        assertThat(direct.tryWrite(ByteBuffer.allocateDirect(32_768), 0)).isTrue();
      }
    }
  }

  private static Fd open(Path path) throws ErrnoException {
    return Fcntl.openat(
        Fd.CURRENT_DIRECTORY, LinuxPath.of(path), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }
}
