package io.gatun.isal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.isal.IsalInflater.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

class IsalInflaterTest {

  /** The size of the header that the JDK writes; the inflater starts after it. */
  private static final int HEADER_BYTES = 10;

  @Test
  void libraryIsThere() {
    // scripts/setup installs it; without it the tests below would test nothing.
    assertThat(IsalInflater.absence()).isEmpty();
  }

  @Test
  void membersComeOutAsTheyWentIn() throws Exception {
    long seed = new Random().nextLong();
    byte[] first = text(new Random(seed), 300_000);
    byte[] second = text(new Random(seed + 1), 10);
    byte[] blob = Arrays.copyOf(gzip(first), gzip(first).length + gzip(second).length);
    System.arraycopy(gzip(second), 0, blob, gzip(first).length, gzip(second).length);
    try (IsalInflater inflater = new IsalInflater()) {
      ByteBuffer input = direct(blob);
      input.position(HEADER_BYTES);
      assertThat(member(inflater, input, 7777)).as("seed %d", seed).isEqualTo(first);
      inflater.reset();
      input.position(input.position() + HEADER_BYTES);
      assertThat(member(inflater, input, 3)).as("seed %d", seed).isEqualTo(second);
      assertThat(input.remaining()).isZero();
    }
  }

  @Test
  void wrongChecksumsAndNoiseAreRefused() throws Exception {
    byte[] blob = gzip(text(new Random(1), 1000));
    blob[blob.length - 8] ^= 1;
    assertCorrupt(blob, "wrong checksum");
    assertCorrupt(Arrays.copyOf(new byte[0], 30), "invalid block");
  }

  @Test
  void whateverBitIsWrongTheMemberIsRefusedOrIncompleteOrAsItWas() throws Exception {
    byte[] content = text(new Random(1), 400);
    byte[] blob = gzip(content);
    ByteBuffer output = ByteBuffer.allocateDirect(100_000);
    try (IsalInflater inflater = new IsalInflater()) {
      for (int bit = HEADER_BYTES * 8; bit < blob.length * 8; bit++) {
        byte[] wrong = blob.clone();
        wrong[bit / 8] ^= (byte) (1 << bit % 8);
        inflater.reset();
        if (finishes(inflater, wrong, 1 + bit % 29, output.clear())) {
          assertThat(output.flip()).as("bit %d", bit).isEqualTo(ByteBuffer.wrap(content));
        }
      }
    }
  }

  private static boolean finishes(
      IsalInflater inflater, byte[] blob, int pieceBytes, ByteBuffer output) {
    ByteBuffer all = direct(blob);
    try {
      for (int at = HEADER_BYTES; at < blob.length; at += pieceBytes) {
        ByteBuffer piece = all.slice(at, Math.min(pieceBytes, blob.length - at));
        if (inflater.inflate(piece, output) == Progress.FINISHED) {
          return true;
        }
      }
      return false;
    } catch (IsalInflater.CorruptException e) {
      return false;
    }
  }

  @Test
  void truncatedMembersDoNotFinish() throws Exception {
    byte[] blob = gzip(text(new Random(1), 1000));
    try (IsalInflater inflater = new IsalInflater()) {
      ByteBuffer input = direct(blob).position(HEADER_BYTES).limit(blob.length - 1);
      assertThat(inflater.inflate(input, ByteBuffer.allocateDirect(2000))).isEqualTo(Progress.MORE);
      assertThat(input.hasRemaining()).isFalse();
    }
  }

  @Test
  void heapBuffersAreRefused() {
    try (IsalInflater inflater = new IsalInflater()) {
      assertThatThrownBy(
              () -> inflater.inflate(ByteBuffer.allocate(1), ByteBuffer.allocateDirect(1)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void otherVersionsAreLeftAlone() {
    String line = "7f00-7f01 r--p 00000000 fe:00 1 /usr/lib/libisal.so.";
    assertThat(IsalLibrary.refusal(Stream.of("x", line + "2.0.31"))).isEmpty();
    assertThat(IsalLibrary.refusal(Stream.of(line + "2.0.32")))
        .hasValue("libisal.so.2 is version 2.32; Gatun requires 2.31");
    assertThat(IsalLibrary.refusal(Stream.of(line + "2"))).isPresent();
  }

  private static void assertCorrupt(byte[] blob, String message) {
    try (IsalInflater inflater = new IsalInflater()) {
      ByteBuffer input = direct(blob).position(HEADER_BYTES);
      assertThatThrownBy(() -> member(inflater, input, 2000))
          .isInstanceOf(IsalInflater.CorruptException.class)
          .hasMessageContaining(message);
    }
  }

  private static byte[] member(IsalInflater inflater, ByteBuffer input, int room) throws Exception {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer output = ByteBuffer.allocateDirect(room);
    while (true) {
      Progress progress = inflater.inflate(input, output.clear());
      byte[] part = new byte[output.flip().remaining()];
      output.get(part);
      all.writeBytes(part);
      if (progress == Progress.FINISHED) {
        return all.toByteArray();
      }
      assertThat(part.length + input.remaining()).as("progress").isPositive();
    }
  }

  private static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  private static byte[] text(Random random, int length) {
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = (byte) ('a' + random.nextInt(7));
    }
    return text;
  }

  private static byte[] gzip(byte[] content) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(content);
    }
    return out.toByteArray();
  }
}
