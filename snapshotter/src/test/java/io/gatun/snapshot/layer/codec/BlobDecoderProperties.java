package io.gatun.snapshot.layer.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;

final class BlobDecoderProperties {

  private static final BlobDecoder ISAL = new BlobDecoder(GzipEngine.ISAL);
  private static final BlobDecoder JDK = new BlobDecoder(GzipEngine.JDK);

  enum Form {
    NONE,
    GZIP,
    GZIP_LONG_HEADER,
    ZSTD,
    ZSTD_AFTER_SKIPPABLE;

    byte[] compress(byte[] content) {
      return switch (this) {
        case NONE -> content;
        case GZIP -> Compressed.gzip(content);
        case GZIP_LONG_HEADER -> Compressed.gzipWithLongHeader(content);
        case ZSTD -> Compressed.zstd(content);
        case ZSTD_AFTER_SKIPPABLE ->
            Compressed.joined(Compressed.zstdSkippable(5), Compressed.zstd(content));
      };
    }

    /** Whether the blob is still recognized as compressed. */
    boolean isRecognized(byte[] blob) {
      return this == NONE || Compression.of(ByteBuffer.wrap(blob)) != Compression.NONE;
    }
  }

  @AfterContainer
  static void close() {
    ISAL.close();
    JDK.close();
  }

  @Property(tries = 400)
  void whatWasCompressedComesOut(
      @ForAll("contents") List<byte[]> contents,
      @ForAll Form form,
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 40_000) int pieceBytesMax,
      @ForAll @IntRange(min = 1, max = 40_000) int roomBytes)
      throws IOException {
    byte[] all = Compressed.joined(contents.toArray(byte[][]::new));
    byte[] blob = Compressed.joined(contents.stream().map(form::compress).toArray(byte[][]::new));
    for (BlobDecoder decoder : new BlobDecoder[] {ISAL, JDK}) {
      Random random = new Random(seed);
      assertThat(Decoded.by(decoder, blob, () -> 1 + random.nextInt(pieceBytesMax), roomBytes))
          .isEqualTo(all);
    }
  }

  @Property(tries = 2000)
  void flippedBitIsNoticedOrDoesNotMatter(
      @ForAll("contents") List<byte[]> contents,
      @ForAll Form form,
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 40_000) int pieceBytes) {
    byte[] all = Compressed.joined(contents.toArray(byte[][]::new));
    byte[] blob = Compressed.joined(contents.stream().map(form::compress).toArray(byte[][]::new));
    if (form == Form.NONE || blob.length == 0) {
      return;
    }
    int bit = new Random(seed).nextInt(blob.length * 8);
    blob[bit / 8] ^= (byte) (1 << (bit % 8));
    List<byte[]> allowed = new ArrayList<>(form.isRecognized(blob) ? List.of(all) : List.of(blob));
    if (form == Form.ZSTD_AFTER_SKIPPABLE) {
      allowed.addAll(withoutSome(contents));
    }
    for (BlobDecoder decoder : new BlobDecoder[] {ISAL, JDK}) {
      byte[] outcome = outcome(decoder, blob, pieceBytes);
      assertThat(outcome == null || allowed.stream().anyMatch(each -> Arrays.equals(each, outcome)))
          .isTrue();
    }
  }

  /**
   * {@return the contents without frames that are skipped along with a skippable one, whose length
   * only the digests of the layer verify}
   */
  private static List<byte[]> withoutSome(List<byte[]> contents) {
    List<byte[]> left = new ArrayList<>();
    for (int from = 0; from < contents.size(); from++) {
      for (int to = from + 1; to <= contents.size(); to++) {
        List<byte[]> rest = new ArrayList<>(contents.subList(0, from));
        rest.addAll(contents.subList(to, contents.size()));
        left.add(Compressed.joined(rest.toArray(byte[][]::new)));
      }
    }
    return left;
  }

  @Property(tries = 2000)
  void bothEnginesAgreeOnWhatIsDamaged(
      @ForAll("contents") List<byte[]> contents, @ForAll long seed) {
    byte[] blob =
        Compressed.joined(
            contents.stream().map(Form.GZIP_LONG_HEADER::compress).toArray(byte[][]::new));
    Random random = new Random(seed);
    for (int i = random.nextInt(4); i > 0 && blob.length > 0; i--) {
      blob[random.nextInt(blob.length)] = (byte) random.nextInt();
    }
    byte[] cut = Arrays.copyOf(blob, blob.length - random.nextInt(Math.min(9, blob.length + 1)));
    assertThat(outcome(ISAL, cut, 500)).isEqualTo(outcome(JDK, cut, 500));
  }

  /** Null for a blob that was refused. */
  @SuppressWarnings("NullAway")
  private static byte[] outcome(BlobDecoder decoder, byte[] blob, int pieceBytes) {
    try {
      return Decoded.by(decoder, blob, () -> pieceBytes, 10_000);
    } catch (InvalidLayerException e) {
      assertThat(e).hasMessageContaining(" of the blob");
      return null;
    } catch (UnsupportedLayerException e) {
      // A flipped bit can make a window large.
      return null;
    } catch (IOException e) {
      throw new AssertionError("another failure than the domain's", e);
    }
  }

  @Provide
  Arbitrary<List<byte[]>> contents() {
    Arbitrary<byte[]> noise = Arbitraries.bytes().array(byte[].class).ofMaxSize(2000);
    Arbitrary<byte[]> text =
        Arbitraries.integers()
            .between(0, 200_000)
            .map(
                length -> {
                  byte[] bytes = new byte[length];
                  Random random = new Random(length);
                  for (int i = 0; i < length; i++) {
                    bytes[i] = (byte) ('a' + random.nextInt(5));
                  }
                  return bytes;
                });
    return Arbitraries.oneOf(noise, noise, text).list().ofMaxSize(3);
  }
}
