package io.gatun.snapshot.layerstore.tar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When a tar bypasses the page cache, and that its content is the same whenever it does not. */
final class DirectWriterTest {

  private static final int PART_BYTES = 1 << 20;
  private static final long NANOS_PER_PART_MAX =
      DirectWriter.WINDOW_NANOS_MAX / (DirectWriter.WINDOW_BYTES / PART_BYTES);

  @TempDir private Path directory;

  private final ByteArrayOutputStream content = new ByteArrayOutputStream();
  private final Random random = new Random(1);
  private final List<String> writes = new ArrayList<>();

  private Path path;
  private Fd cached;
  private Fd direct;

  // The behavior of the disk from now on.
  private long nanos;
  private long nanosPerWrite;
  private int bytesPerWriteMax = Integer.MAX_VALUE;
  private @Nullable Errno failure;

  /** Makes direct writes slow, or fail. */
  private final class StubDisk extends ForwardingDisk {
    StubDisk() {
      super(new UnsyncedDisk());
    }

    @Override
    public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
      if (!file.equals(direct)) {
        writes.add("cached");
        return super.write(file, buffer, offset);
      }
      if (failure != null) {
        throw new ErrnoException("pwrite", failure, LinuxPath.of("tar"));
      }
      writes.add("direct");
      nanos += nanosPerWrite;
      ByteBuffer taken = buffer.slice();
      taken.limit(Math.min(taken.limit(), bytesPerWriteMax));
      int written = super.write(file, taken, offset);
      buffer.position(buffer.position() + written);
      return written;
    }
  }

  private final Disk disk = new StubDisk();
  private TarFile tar;

  @BeforeEach
  void open() throws Exception {
    path = directory.resolve("tar");
    Files.createFile(path);
    cached = Fcntl.open(LinuxPath.of(path), OpenFlag.WRITE_ONLY);
    direct = Fcntl.open(LinuxPath.of(path), OpenFlag.WRITE_ONLY);
    tar =
        new TarFile(disk, cached, Optional.of(new DirectWriter(disk, direct, () -> nanos)), false);
  }

  @AfterEach
  void close() {
    cached.close();
    direct.close();
  }

  private void write(int bytes) throws LayerStoreException {
    ByteBuffer part = ByteBuffer.allocateDirect(bytes);
    byte[] random = new byte[bytes];
    this.random.nextBytes(random);
    content.writeBytes(random);
    tar.write(part.put(random).flip());
    assertThat(part.hasRemaining()).isFalse();
  }

  /** The beginning, which always goes through the page cache. */
  private void begin() throws LayerStoreException {
    write((int) TarFile.LARGE_BYTES_MIN);
    assertThat(writes).containsExactly("cached");
    writes.clear();
  }

  private void requireContent() throws Exception {
    int rest = -content.size() & (TarFile.BLOCK_BYTES - 1);
    content.writeBytes(new byte[rest]);
    tar.finish();
    assertThat(Files.readAllBytes(path)).isEqualTo(content.toByteArray());
  }

  @Test
  void wholeBlocksOfALargeTarAreWrittenDirectlyAndItsEndIsNot() throws Exception {
    begin();
    write(PART_BYTES);
    write(PART_BYTES + DirectWriter.BLOCK_BYTES + 1);
    assertThat(writes).containsExactly("direct", "direct", "cached");
    requireContent();
  }

  @Test
  void whatFollowsAPartThatIsNoWholeBlocksIsNotAligned() throws Exception {
    begin();
    write(100);
    write(PART_BYTES);
    assertThat(writes).containsExactly("cached", "cached");
    requireContent();
  }

  @Test
  void aSmallTarIsNot() throws Exception {
    write(PART_BYTES);
    write(PART_BYTES);
    assertThat(writes).containsExactly("cached", "cached");
    requireContent();
  }

  @Test
  void aDiskThatKeepsUpIsWrittenToDirectlyForEver() throws Exception {
    begin();
    nanosPerWrite = NANOS_PER_PART_MAX;
    for (int part = 0; part < 40; part++) {
      write(PART_BYTES);
    }
    assertThat(writes).hasSize(40).containsOnly("direct");
  }

  @Test
  void oneThatDoesNotIsLeftToTheKernelBeforeMuchIsLost() throws Exception {
    begin();
    nanosPerWrite = 2 * NANOS_PER_PART_MAX;
    for (int part = 0; part < 8; part++) {
      write(PART_BYTES);
    }
    assertThat(writes.subList(0, 5)).containsOnly("direct");
    assertThat(writes.subList(5, 8)).containsOnly("cached");
    requireContent();
  }

  @Test
  void oneThatBecomesSlowIsToo() throws Exception {
    begin();
    nanosPerWrite = 1;
    for (int part = 0; part < 20; part++) {
      write(PART_BYTES);
    }
    nanosPerWrite = DirectWriter.WINDOW_NANOS_MAX + 1;
    write(PART_BYTES);
    write(PART_BYTES);
    assertThat(writes.subList(0, 21)).containsOnly("direct");
    assertThat(writes.get(21)).isEqualTo("cached");
  }

  @Test
  void oneThatCannotIsNotAskedAgain() throws Exception {
    for (Errno reason : List.of(Errno.EINVAL, Errno.EOPNOTSUPP)) {
      tar =
          new TarFile(
              disk, cached, Optional.of(new DirectWriter(disk, direct, () -> nanos)), false);
      content.reset();
      writes.clear();
      begin();
      failure = reason;
      write(PART_BYTES);
      failure = null;
      write(PART_BYTES);
      assertThat(writes).as("%s", reason).containsExactly("cached", "cached");
      requireContent();
    }
  }

  @Test
  void aFullDiskOrABadOneIsAFailure() throws Exception {
    begin();
    for (Errno reason : List.of(Errno.ENOSPC, Errno.EIO)) {
      failure = reason;
      assertThatThrownBy(() -> write(PART_BYTES))
          .isInstanceOf(LayerStoreException.class)
          .hasMessageContaining("cannot write the tar")
          .hasMessageContaining(reason.name());
    }
  }

  @Test
  void aWriteThatTakesLessGoesOnWhereItEnded() throws Exception {
    begin();
    bytesPerWriteMax = 3 * DirectWriter.BLOCK_BYTES;
    write(4 * DirectWriter.BLOCK_BYTES);
    bytesPerWriteMax = 5;
    write(2 * DirectWriter.BLOCK_BYTES);
    assertThat(writes).containsExactly("direct", "direct", "direct", "cached");
    requireContent();
  }
}
