package io.gatun.snapshot.fsck;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ContentCheckTest {

  private static final byte[] INDEX = new byte[5000];

  @TempDir private Path temporary;
  private Path root = Path.of("");

  @BeforeEach
  void makeRoot() throws Exception {
    root = temporary.resolve("root");
    Root.open(new UnsyncedDisk(), root).close();
    new Random(1).nextBytes(INDEX);
  }

  private static byte[] layer(int sizeBytes) {
    byte[] layer = new byte[sizeBytes];
    new Random(sizeBytes).nextBytes(layer);
    return layer;
  }

  private static void flip(Path file, long offset) throws Exception {
    try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
      opened.seek(offset);
      int value = opened.read();
      opened.seek(offset);
      opened.write(value ^ 1);
    }
  }

  /** Around blocks and around the pieces that are read at once. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        0, 1, 511, 512, 513, 1024, 10_240, 1_048_064, 1_048_575, 1_048_576, 1_048_577, 3_000_000
      })
  void whatIsRightIsRightWhateverItsLengthAndEveryBitOfItCounts(int sizeBytes) throws Exception {
    KeptLayer layer = KeptLayer.make(root, layer(sizeBytes), INDEX);
    // It is not an index of a damaged or empty tar.
    Files.delete(layer.index());
    assertThat(layer.check()).isEmpty();
    List<Long> offsets = new ArrayList<>();
    for (long offset = sizeBytes - 1L; offset >= 0; offset = offset / 2 - 1) {
      offsets.add(offset);
    }
    for (long offset : offsets) {
      flip(layer.tar(), offset);
      assertThat(layer.check())
          .as("offset %d", offset)
          .containsExactly(
              "DAMAGE %s: it is damaged: its content on disk does not match its name"
                  .formatted(layer.place(layer.tar())));
      flip(layer.tar(), offset);
    }
    assertThat(layer.check()).isEmpty();
  }

  @Test
  void zerosThatTheLayerItselfEndsWithAreItsOwn() throws Exception {
    KeptLayer layer = KeptLayer.make(root, new byte[1000], INDEX);
    Files.delete(layer.index());
    assertThat(layer.check()).isEmpty();
    flip(layer.tar(), 1023);
    assertThat(layer.check()).as("what follows is not zero").hasSize(1);
  }

  @Test
  void anIndexIsWholeOrDamaged() throws Exception {
    KeptLayer layer = KeptLayer.make(root, layer(10_240), INDEX);
    flip(layer.index(), 4999);
    assertThat(layer.check())
        .singleElement()
        .asString()
        .startsWith("DAMAGE " + layer.place(layer.index()));
    flip(layer.index(), 4999);
    try (RandomAccessFile index = new RandomAccessFile(layer.index().toFile(), "rw")) {
      index.setLength(5001);
    }
    assertThat(layer.check()).as("no zeros may follow").hasSize(1);
  }

  @Test
  void aTarThatIsCutShortOrGoesOnIsDamaged() throws Exception {
    KeptLayer layer = KeptLayer.make(root, layer(10_240), INDEX);
    for (long length : new long[] {0, 9728, 10_752}) {
      try (RandomAccessFile tar = new RandomAccessFile(layer.tar().toFile(), "rw")) {
        tar.setLength(length);
      }
      assertThat(layer.check()).as("%d bytes", length).hasSize(1);
    }
  }

  @Test
  void whatIsNoFileIsNotReadAndOtherLayersAre() throws Exception {
    KeptLayer other = KeptLayer.make(root, layer(512), INDEX);
    KeptLayer layer = KeptLayer.make(root, layer(10_240), INDEX);
    Files.delete(layer.tar());
    Files.createDirectory(layer.tar());
    flip(other.tar(), 0);
    assertThat(layer.check()).singleElement().asString().contains(other.place(other.tar()));
  }

  @Test
  void withoutLayersThereIsNothingToRead() throws Exception {
    RootReport report =
        RootCheck.withContent(
            root,
            true,
            (_, _) -> {
              throw new AssertionError("nothing was to be read");
            });
    assertThat(report.findings()).noneMatch(RootFinding.Corrupt.class::isInstance);
  }
}
