package io.gatun.snapshot.layer.codec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.IntSupplier;

/** A blob decoded to its end. */
final class Decoded {

  private Decoded() {}

  /** With its own decoder, all at once. */
  static byte[] of(byte[] blob, GzipEngine engine) throws IOException {
    try (BlobDecoder decoder = new BlobDecoder(engine)) {
      return by(decoder, blob, () -> Integer.MAX_VALUE, 10_000);
    }
  }

  /**
   * @param pieceBytes the most that the source returns at once
   * @param roomBytes how much is requested at once
   */
  static byte[] by(BlobDecoder decoder, byte[] blob, IntSupplier pieceBytes, int roomBytes)
      throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(blob);
    decoder.start(
        into -> {
          if (!rest.hasRemaining()) {
            return -1;
          }
          int bytes = Math.min(Math.min(rest.remaining(), into.remaining()), pieceBytes.getAsInt());
          into.put(into.position(), rest, rest.position(), bytes);
          into.position(into.position() + bytes);
          rest.position(rest.position() + bytes);
          return bytes;
        });
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer output = ByteBuffer.allocateDirect(roomBytes);
    boolean isEnd = false;
    while (!isEnd) {
      decoder.decode(output.clear());
      isEnd = output.hasRemaining();
      byte[] part = new byte[output.flip().remaining()];
      output.get(part);
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
