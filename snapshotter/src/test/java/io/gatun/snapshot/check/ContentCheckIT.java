package io.gatun.snapshot.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.disk.Root;
import io.gatun.snapshot.disk.UnsyncedDisk;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A disk that changes under what is in memory of its files. */
final class ContentCheckIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int PAGE_BYTES = 4096;

  /** {@return pages each of which is found again by its content} */
  private static byte[] content(String mark) {
    byte[] content = new byte[300 * PAGE_BYTES];
    for (int page = 0; page < content.length / PAGE_BYTES; page++) {
      byte[] text = (mark + " page " + page + " ").getBytes(StandardCharsets.US_ASCII);
      for (int at = 0; at < PAGE_BYTES; at++) {
        content[page * PAGE_BYTES + at] = text[at % text.length];
      }
    }
    return content;
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void aBitThatChangesOnTheDiskIsFoundUnderAWarmCache(LoopFilesystem.Kind kind) throws Exception {
    Path root = FILESYSTEMS.of(kind).createDirectory("content").resolve("root");
    Root.open(new UnsyncedDisk(), root).close();
    byte[] tar = content("tar of " + kind);
    byte[] index = content("index of " + kind);
    KeptLayer layer = KeptLayer.make(root, tar, index);
    LoopFilesystem.run(List.of("sync", "-f", root.toString()));
    assertThat(layer.check()).isEmpty();
    for (Path file : List.of(layer.tar(), layer.index())) {
      byte[] whole = file.equals(layer.tar()) ? tar : index;
      assertThat(Files.readAllBytes(file)).isEqualTo(whole);
      byte[] page = Arrays.copyOfRange(whole, 77 * PAGE_BYTES, 78 * PAGE_BYTES);
      long place = flipOnDisk(root, page);
      assertThat(Files.readAllBytes(file)).as("in memory").isEqualTo(whole);
      assertThat(layer.check())
          .singleElement()
          .asString()
          .startsWith("DAMAGE " + layer.place(file))
          // btrfs knows by itself that it is not what was written.
          .contains(kind == LoopFilesystem.Kind.BTRFS ? "EIO" : "its content is damaged");
      flip(image(root), place);
      assertThat(layer.check()).isEmpty();
    }
  }

  /** {@return where in the image it was} */
  private static long flipOnDisk(Path root, byte[] page) throws IOException {
    Path image = image(root);
    try (FileChannel channel = FileChannel.open(image)) {
      MappedByteBuffer all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
      byte[] found = new byte[PAGE_BYTES];
      for (int at = 0; at + PAGE_BYTES <= all.capacity(); at += PAGE_BYTES) {
        if (all.get(at) == page[0]) {
          all.get(at, found);
          if (Arrays.equals(found, page)) {
            flip(image, at + 99);
            return at + 99L;
          }
        }
      }
    }
    throw new AssertionError("the page is not on the disk");
  }

  private static void flip(Path image, long offset) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.seek(offset);
      int value = file.read();
      file.seek(offset);
      file.write(value ^ 1);
      file.getFD().sync();
    }
  }

  /** {@return the file that is the disk of the filesystem that a directory is on} */
  private static Path image(Path directory) throws IOException {
    try (Stream<String> mounts = Files.lines(Path.of("/proc/self/mounts"))) {
      String device =
          mounts
              .map(line -> line.split(" "))
              .filter(
                  fields -> directory.startsWith(fields[1]) && fields[0].startsWith("/dev/loop"))
              .map(fields -> fields[0].substring("/dev/".length()))
              .findFirst()
              .orElseThrow();
      return Path.of(Files.readString(Path.of("/sys/block", device, "loop/backing_file")).strip());
    }
  }
}
