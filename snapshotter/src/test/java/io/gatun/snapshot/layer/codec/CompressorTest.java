package io.gatun.snapshot.layer.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.layer.Compression;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Blobs compressed here can be decompressed here and by other programs. */
final class CompressorTest {

  private static byte[] sample(int bytes) {
    byte[] sample = new byte[bytes];
    Random random = new Random(bytes);
    for (int at = 0; at < bytes; ) {
      // Alternates runs of one byte with random ones.
      int run = Math.min(1 + random.nextInt(3_000), bytes - at);
      byte[] part = new byte[run];
      if (random.nextBoolean()) {
        random.nextBytes(part);
      }
      System.arraycopy(part, 0, sample, at, run);
      at += run;
    }
    return sample;
  }

  private static byte[] compress(
      Compression compression, byte[] plain, int pieceBytes, int roomBytes) throws Exception {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer piece = ByteBuffer.allocateDirect(pieceBytes);
    ByteBuffer room = ByteBuffer.allocateDirect(roomBytes);
    try (Compressor compressor = Compressor.of(compression)) {
      int at = 0;
      boolean isLast = false;
      while (!isLast) {
        int length = Math.min(pieceBytes, plain.length - at);
        piece.clear().put(plain, at, length).flip();
        at += length;
        isLast = at == plain.length;
        while (!compressor.compress(piece, isLast, room)) {
          drain(room, all);
        }
        assertThat(piece.hasRemaining()).isFalse();
      }
      drain(room, all);
    }
    return all.toByteArray();
  }

  private static void drain(ByteBuffer room, ByteArrayOutputStream all) {
    byte[] part = new byte[room.flip().remaining()];
    room.get(part);
    all.writeBytes(part);
    room.clear();
  }

  @ParameterizedTest
  @EnumSource(names = {"GZIP", "ZSTD"})
  void whatWasCompressedComesBack(Compression compression) throws Exception {
    for (int bytes : new int[] {0, 1, 1_000, 131_072, 2_345_678}) {
      byte[] plain = sample(bytes);
      byte[] blob = compress(compression, plain, 100_000, 10_000);
      assertThat(Compression.of(ByteBuffer.wrap(blob))).isEqualTo(compression);
      try (BlobDecoder decoder = new BlobDecoder(GzipEngine.best())) {
        assertThat(Decoded.by(decoder, blob, () -> Integer.MAX_VALUE, 10_000)).isEqualTo(plain);
      }
      if (compression == Compression.GZIP) {
        try (GZIPInputStream gzip = new GZIPInputStream(new ByteArrayInputStream(blob))) {
          assertThat(gzip.readAllBytes()).isEqualTo(plain);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"GZIP", "ZSTD"})
  void anyRoomIsEnough(Compression compression) throws Exception {
    byte[] plain = sample(50_000);
    byte[] blob = compress(compression, plain, 7_001, 7);
    try (BlobDecoder decoder = new BlobDecoder(GzipEngine.best())) {
      assertThat(Decoded.by(decoder, blob, () -> Integer.MAX_VALUE, 10_000)).isEqualTo(plain);
    }
    assertThat(compress(compression, plain, 7_001, 7)).isEqualTo(blob);
  }

  @Test
  void nothingDoesNotCompress() {
    assertThatThrownBy(() -> Compressor.of(Compression.NONE))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
