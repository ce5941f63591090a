package io.gatun.snapshot.layerstore.tar;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tars that bypass the page cache, on all supported filesystems. */
final class DirectWriterIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int PART_BYTES = 1 << 20;
  private static final int PARTS = 32;
  private static final int END_BYTES = 12_345;
  private static final int PAGE_BYTES = 4096;

  private final LinuxDisk disk = new LinuxDisk();

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void aTarIsWhatWasWrittenAndOnlyItsEndsAreInThePageCache(LoopFilesystem.Kind kind)
      throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("direct");
    Path tar = Files.createFile(directory.resolve("tar"));
    Path expected = directory.resolve("expected");
    LinuxPath name = LinuxPath.of(tar);
    try (NativeBuffer memory = new NativeBuffer(PART_BYTES);
        Fd file = Fcntl.open(name, OpenFlag.READ_WRITE);
        DirectWriter direct =
            new DirectWriter(
                disk, Fcntl.open(name, OpenFlag.WRITE_ONLY, OpenFlag.DIRECT), () -> 0)) {
      write(new TarFile(disk, file, Optional.of(direct), true), memory, expected);
      Unistd.fdatasync(file);
      // For files with checksums, newer kernels route such writes through the page cache.
      if (kind != LoopFilesystem.Kind.BTRFS) {
        assertThat(Fcntl.cachedPages(file, 0, 0) * PAGE_BYTES)
            .isLessThanOrEqualTo(TarFile.LARGE_BYTES_MIN + PART_BYTES + END_BYTES);
      }
    }
    assertThat(Files.mismatch(tar, expected)).isEqualTo(-1);
  }

  /** A first part of another size, as in each layer, many whole ones, and an end. */
  private static void write(TarFile tar, NativeBuffer memory, Path expected) throws Exception {
    Random random = new Random(1);
    int size = 0;
    try (OutputStream copy = Files.newOutputStream(expected)) {
      for (int part = 0; part <= PARTS; part++) {
        byte[] bytes = new byte[part == 0 ? PART_BYTES / 4 : part < PARTS ? PART_BYTES : END_BYTES];
        random.nextBytes(bytes);
        ByteBuffer buffer = memory.buffer().clear();
        tar.write(buffer.put(bytes).flip());
        copy.write(bytes);
        size += bytes.length;
      }
      tar.finish();
      byte[] zeros = new byte[-size & (TarFile.BLOCK_BYTES - 1)];
      copy.write(zeros);
    }
  }
}
