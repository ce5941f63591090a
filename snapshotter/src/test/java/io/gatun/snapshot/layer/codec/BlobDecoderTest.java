package io.gatun.snapshot.layer.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlobDecoderTest {

  private static final byte[] TEXT = text(300_000, 1);
  private static final byte[] SHORT = "a few bytes".getBytes(StandardCharsets.US_ASCII);

  @ParameterizedTest
  @EnumSource
  void gzipMembersComeOutAsOne(GzipEngine engine) throws IOException {
    byte[] blob =
        Compressed.joined(
            Compressed.gzip(TEXT),
            Compressed.gzip(new byte[0]),
            Compressed.gzipWithLongHeader(SHORT),
            Compressed.gzip(SHORT));
    byte[] content = Compressed.joined(TEXT, SHORT, SHORT);
    try (BlobDecoder decoder = new BlobDecoder(engine)) {
      assertThat(Decoded.by(decoder, blob, () -> 100_000, 1 << 20)).isEqualTo(content);
      assertThat(Decoded.by(decoder, blob, () -> 1, 333)).isEqualTo(content);
    }
  }

  @Test
  void zstdFramesComeOutAsOneAndSkippableOnesAsNothing() throws IOException {
    byte[] blob =
        Compressed.joined(
            Compressed.zstdSkippable(3),
            Compressed.zstd(TEXT),
            Compressed.zstdSkippable(0),
            Compressed.zstdSkippable(400_000),
            Compressed.zstd(new byte[0]),
            Compressed.zstd(SHORT),
            Compressed.zstdSkippable(1));
    byte[] content = Compressed.joined(TEXT, SHORT);
    try (BlobDecoder decoder = new BlobDecoder(GzipEngine.best())) {
      assertThat(Decoded.by(decoder, blob, () -> 100_000, 1 << 20)).isEqualTo(content);
      assertThat(Decoded.by(decoder, blob, () -> 1, 333)).isEqualTo(content);
    }
  }

  @Test
  void whatIsNotCompressedComesOutAsItIs() throws IOException {
    try (BlobDecoder decoder = new BlobDecoder(GzipEngine.best())) {
      for (byte[] blob : List.of(TEXT, SHORT, new byte[0], new byte[] {0x1f, (byte) 0x8b})) {
        assertThat(Decoded.by(decoder, blob, () -> 1, 5)).isEqualTo(blob);
        assertThat(Decoded.by(decoder, blob, () -> 100_000, 1 << 20)).isEqualTo(blob);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void gzipThatIsCutShortIsRefusedAtEveryLength(GzipEngine engine) throws IOException {
    byte[] first = Compressed.gzip(SHORT);
    byte[] blob = Compressed.joined(first, Compressed.gzipWithLongHeader(text(500, 2)));
    assertRefusedAtEveryLength(blob, engine, first.length);
  }

  @Test
  void zstdThatIsCutShortIsRefusedAtEveryLength() throws IOException {
    byte[] first = Compressed.zstd(SHORT);
    byte[] blob = Compressed.joined(first, Compressed.zstd(text(500, 2)));
    assertRefusedAtEveryLength(blob, GzipEngine.best(), first.length);
  }

  private static void assertRefusedAtEveryLength(byte[] blob, GzipEngine engine, int firstBytes)
      throws IOException {
    int refused = 0;
    for (int length = Compression.HEAD_BYTES; length < blob.length; length++) {
      byte[] cut = Arrays.copyOf(blob, length);
      if (length == firstBytes) {
        assertThat(Decoded.of(cut, engine)).isEqualTo(SHORT);
        continue;
      }
      assertThatThrownBy(() -> Decoded.of(cut, engine))
          .as("%d of %d bytes", length, blob.length)
          .isInstanceOf(InvalidLayerException.class)
          .hasMessageMatching(
              ".*(is truncated|is followed by other data), at offset \\d+ of the blob");
      refused++;
    }
    assertThat(refused).isEqualTo(blob.length - Compression.HEAD_BYTES - 1);
  }

  @ParameterizedTest
  @EnumSource
  void gzipChecksumAndLengthHaveToBeRight(GzipEngine engine) {
    byte[] blob = Compressed.gzip(TEXT);
    for (int at : new int[] {blob.length - 8, blob.length - 1}) {
      byte[] wrong = blob.clone();
      wrong[at] ^= 1;
      assertInvalid(
          wrong, engine, "gzip member is damaged: .*wrong (checksum|length).*, at offset .*");
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatFollowsTheLastMemberIsRefused(GzipEngine engine) {
    byte[] blob = Compressed.gzip(SHORT);
    for (int zeros : new int[] {1, 20}) {
      assertInvalid(
          Arrays.copyOf(blob, blob.length + zeros),
          engine,
          "gzip member is followed by other data, at offset %d of the blob".formatted(blob.length));
    }
    assertInvalid(
        Compressed.joined(blob, new byte[1], blob),
        engine,
        "gzip member is followed by other data, .*");
    assertInvalid(
        Compressed.joined(blob, Compressed.zstd(SHORT)),
        engine,
        "gzip member is followed by other data, .*");
  }

  @Test
  void whatFollowsTheLastFrameIsRefused() {
    byte[] blob = Compressed.zstd(SHORT);
    assertInvalid(
        Arrays.copyOf(blob, blob.length + 1),
        GzipEngine.best(),
        "zstd frame is followed by other data, at offset %d of the blob".formatted(blob.length));
  }

  @Test
  void damagedFramesAreRefused() {
    byte[] blob = Compressed.zstd(TEXT);
    blob[blob.length - 1] ^= 1;
    assertInvalid(blob, GzipEngine.best(), "zstd frame is damaged: zstd: .*checksum.*at offset .*");
  }

  @Test
  void largeWindowsAreForSomebodyElse() throws IOException {
    byte[] large = text(20_000_000, 3);
    byte[] allowed = Compressed.zstdWithWindow(large, ZstdFrames.WINDOW_LOG_MAX);
    assertThat(Decoded.of(allowed, GzipEngine.best())).isEqualTo(large);
    byte[] refused = Compressed.zstdWithWindow(large, ZstdFrames.WINDOW_LOG_MAX + 1);
    assertThatThrownBy(() -> Decoded.of(refused, GzipEngine.best()))
        .isInstanceOf(UnsupportedLayerException.class)
        .hasMessage("zstd frame with a window of more than 8388608 bytes");
  }

  @ParameterizedTest
  @EnumSource
  void blobAfterOneThatFailedIsReadAsIfItWereTheFirst(GzipEngine engine) throws IOException {
    try (BlobDecoder decoder = new BlobDecoder(engine)) {
      for (byte[] blob : List.of(Compressed.gzip(TEXT), Compressed.zstd(TEXT))) {
        byte[] cut = Arrays.copyOf(blob, blob.length / 2);
        assertThatThrownBy(() -> Decoded.by(decoder, cut, () -> 1000, 777))
            .isInstanceOf(InvalidLayerException.class);
        assertThat(Decoded.by(decoder, blob, () -> 1000, 777)).isEqualTo(TEXT);
      }
    }
  }

  @Test
  void failuresOfTheSourceComeThrough() {
    IOException failure = new IOException("no more");
    try (BlobDecoder decoder = new BlobDecoder(GzipEngine.best())) {
      decoder.start(
          into -> {
            throw failure;
          });
      assertThatThrownBy(() -> decoder.decode(ByteBuffer.allocateDirect(1))).isSameAs(failure);
    }
  }

  @Test
  void zstdIsForSomebodyElseWhereItsLibraryDoesNotLoad() throws Exception {
    Process java =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-DZstdNativePath=/nowhere/libzstd.so",
                "-cp",
                System.getProperty("java.class.path"),
                WithoutZstd.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(java.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(output).contains("refused twice: zstd's library cannot be loaded", "/nowhere");
  }

  /** Runs in a separate JVM. */
  static final class WithoutZstd {
    private WithoutZstd() {}

    public static void main(String[] arguments) throws IOException {
      byte[] blob = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0x20, 0, 1, 0, 0};
      String first = refusal(blob);
      System.out.println(first.equals(refusal(blob)) ? "refused twice: " + first : "refused once");
    }

    private static String refusal(byte[] blob) throws IOException {
      try {
        Decoded.of(blob, GzipEngine.JDK);
        return "not at all";
      } catch (UnsupportedLayerException e) {
        return String.valueOf(e.getMessage());
      }
    }
  }

  private static void assertInvalid(byte[] blob, GzipEngine engine, String message) {
    assertThatThrownBy(() -> Decoded.of(blob, engine))
        .isInstanceOf(InvalidLayerException.class)
        .hasMessageMatching(message);
  }

  private static byte[] text(int length, long seed) {
    Random random = new Random(seed);
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = (byte) ('a' + random.nextInt(7));
    }
    return text;
  }
}
