package io.gatun.snapshot.fsck;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A disk that changes beneath the page cache. */
final class ContentCheckIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final int PAGE_BYTES = 4096;

  /** {@return pages that can be found by their content} */
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
    LoopFilesystem filesystem = FILESYSTEMS.of(kind);
    Path root = filesystem.createDirectory("content").resolve("root");
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
      List<Long> places = filesystem.flipBeneath(page);
      assertThat(Files.readAllBytes(file)).as("in memory").isEqualTo(whole);
      assertThat(layer.check())
          .singleElement()
          .asString()
          .startsWith("DAMAGE " + layer.place(file))
          // btrfs detects the change by its checksums.
          .contains(
              kind == LoopFilesystem.Kind.BTRFS ? "EIO" : "its content on disk does not match");
      for (long place : places) {
        filesystem.flipAt(place);
      }
      assertThat(layer.check()).isEmpty();
    }
  }
}
