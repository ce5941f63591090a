package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * One gzip member (RFC 1952), compressed by the JDK's zlib, without name and time in its header, so
 * that equal layers are equal blobs.
 */
final class GzipCompressor implements Compressor {

  /** Magic, deflate, no flags, no time, no hints, and Unix as the origin. */
  private static final byte[] HEADER = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

  /** CRC-32 and length modulo 2^32 of the input, little-endian. */
  private static final int TRAILER_BYTES = 8;

  private final Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
  private final CRC32 checksum = new CRC32();
  private final ByteBuffer header = ByteBuffer.wrap(HEADER);
  private final ByteBuffer trailer =
      ByteBuffer.allocate(TRAILER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private boolean isDeflated;

  @Override
  public boolean compress(ByteBuffer input, boolean isLast, ByteBuffer output) {
    move(header, output);
    if (isDeflated || deflate(input, isLast, output)) {
      if (!isLast) {
        return true;
      }
      end();
      move(trailer, output);
      return !trailer.hasRemaining();
    }
    return false;
  }

  /** {@return whether the input is used up and, if it is the last, all output was written} */
  private boolean deflate(ByteBuffer input, boolean isLast, ByteBuffer output) {
    int start = input.position();
    deflater.setInput(input);
    if (isLast) {
      deflater.finish();
    }
    while (output.hasRemaining() && !deflater.finished()) {
      if (deflater.deflate(output) == 0) {
        break;
      }
    }
    checksum.update(input.slice(start, input.position() - start));
    return isLast ? deflater.finished() : !input.hasRemaining();
  }

  private void end() {
    if (!isDeflated) {
      isDeflated = true;
      trailer.putInt((int) checksum.getValue()).putInt((int) deflater.getBytesRead()).flip();
    }
  }

  private static void move(ByteBuffer from, ByteBuffer to) {
    while (from.hasRemaining() && to.hasRemaining()) {
      to.put(from.get());
    }
  }

  @Override
  public void close() {
    deflater.end();
  }
}
