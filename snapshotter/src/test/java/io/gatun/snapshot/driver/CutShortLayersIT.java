package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.fixture.ForkedJvm;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.mount.IndexAccess;
import java.io.IOException;
import java.io.InputStream;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Mounted layers whose tar or index is truncated from outside or by the disk: reading lost data
 * fails with {@code EIO} and never returns zeros.
 */
final class CutShortLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final String EIO = "Input/output error";
  private static final int LARGE_BYTES = 1 << 20;
  private static final int FILES = 1_000;
  private static final byte[] LARGE = large();
  private static final byte[] TAR = tar();

  /** At the end of neither a page nor a block. */
  private static final int TAR_CUT = LARGE_BYTES / 2 + 700;

  /** After the superblock and the part of an index that is read on mounting. */
  private static final int INDEX_CUT = 8192 + 100;

  private Path work = Path.of("");

  private static byte[] large() {
    byte[] content = new byte[LARGE_BYTES];
    new Random(1).nextBytes(content);
    return content;
  }

  private static byte[] tar() {
    TarBuilder tar = TarBuilder.pax().file("large", 0755, LARGE).directory("many", 0755);
    for (int i = 0; i < FILES; i++) {
      tar.file("many/file number " + i, 0644, "content");
    }
    return tar.finish();
  }

  @BeforeEach
  void makeDirectory() throws IOException {
    work = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("cut-short");
  }

  /** Reads the files of a layer, directly and through an overlay. */
  @FunctionalInterface
  private interface Look {
    void at(Path files) throws Exception;
  }

  private void cut(IndexAccess access, String file, long sizeBytes, Look look) throws Exception {
    Path layer = work.resolve("layer");
    try (KeptIndex kept = KeptIndex.of(layer, IndexForm.OVERLAY, TAR);
        MountedRoot root = new MountedRoot(work.resolve("root"), access)) {
      Unistd.fdatasync(kept.tar());
      Unistd.fdatasync(kept.index());
      root.show(1, kept);
      List<Lower> lowers = List.of(new Lower(1, Optional.of("layer")));
      try (KernelMount overlay = KernelMount.of(root.active(2, lowers))) {
        // proc(5): pages, dentries and inodes.
        Files.writeString(Path.of("/proc/sys/vm/drop_caches"), "3");
        try (FileChannel channel =
            FileChannel.open(layer.resolve(file), StandardOpenOption.WRITE)) {
          assertThat(channel.size()).isGreaterThan(sizeBytes);
          channel.truncate(sizeBytes);
        }
        look.at(root.files(1));
        look.at(overlay.path());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatATarHasNoLongerCannotBeReadAndTheRestIsRight(IndexAccess access) throws Exception {
    cut(
        access,
        "tar",
        TAR_CUT,
        files -> {
          long read = 0;
          try (InputStream content = Files.newInputStream(files.resolve("large"))) {
            read = assertRightUntilItFails(content);
          }
          assertThat(read).isBetween(1L, (long) TAR_CUT);
          assertThat(files.resolve("many")).isDirectory();
          assertThatThrownBy(() -> Files.readString(files.resolve("many/file number 0")))
              .isInstanceOf(IOException.class)
              .hasMessageContaining(EIO);
        });
  }

  /** {@return how much of the large file could be read} */
  private static long assertRightUntilItFails(InputStream content) throws IOException {
    byte[] piece = new byte[512];
    int at = 0;
    while (true) {
      int length;
      try {
        length = content.read(piece);
      } catch (IOException e) {
        assertThat(e).hasMessageContaining(EIO);
        return at;
      }
      assertThat(length).as("the file goes on at %d", at).isPositive();
      for (int i = 0; i < length; i++) {
        assertThat(piece[i]).isEqualTo(LARGE[at + i]);
      }
      at += length;
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatAnIndexHasNoLongerCannotBeLookedUp(IndexAccess access) throws Exception {
    cut(
        access,
        "index",
        INDEX_CUT,
        files -> {
          Path many = files.resolve("many");
          assertThatThrownBy(() -> list(many)).hasMessageContaining(EIO);
          assertThatThrownBy(() -> Files.readString(many.resolve("file number 999")))
              .isInstanceOf(IOException.class)
              .hasMessageContaining(EIO);
        });
  }

  private static int list(Path directory) throws IOException {
    int count = 0;
    try (DirectoryStream<Path> names = Files.newDirectoryStream(directory)) {
      for (Path _ : names) {
        count++;
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return count;
  }

  /** Only the reader gets the signal; a JVM turns it into an error that ends its thread. */
  @ParameterizedTest
  @EnumSource
  void whoeverHasMappedAFileGetsASignalAndNobodyElse(IndexAccess access) throws Exception {
    cut(
        access,
        "tar",
        TAR_CUT,
        files -> {
          Process reader =
              new ProcessBuilder(
                      ForkedJvm.command(
                          List.of(), MappedRead.class, files.resolve("large").toString()))
                  .redirectErrorStream(true)
                  .start();
          String said = new String(reader.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
          assertThat(reader.waitFor()).as(said).isEqualTo(MappedRead.FAULT_STATUS);
          assertThat(files.resolve("many")).isDirectory();
        });
  }

  /** Reads the beginning of a mapped file, and then its lost end. */
  static final class MappedRead {

    static final int FAULT_STATUS = 7;

    private MappedRead() {}

    public static void main(String[] arguments) throws IOException {

      try (FileChannel channel = FileChannel.open(Path.of(arguments[0]))) {
        MappedByteBuffer all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        if (all.get(0) != LARGE[0]) {
          throw new IllegalStateException("the beginning is not right");
        }
        System.out.println(all.get(LARGE_BYTES - 1));
      } catch (InternalError e) {
        // HotSpot's handler of SIGBUS: "a fault occurred in an unsafe memory access operation".
        System.exit(FAULT_STATUS);
      }
    }
  }
}
