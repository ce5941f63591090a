package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

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
  private @Nullable ByteBuffer trailer;

  @Override
  public boolean compress(ByteBuffer input, boolean isLast, ByteBuffer output) {
    move(header, output);
    int start = input.position();
    deflater.setInput(input);
    if (isLast) {
      deflater.finish();
    }
    while (output.hasRemaining() && !deflater.finished() && deflater.deflate(output) > 0) {}
    checksum.update(input.slice(start, input.position() - start));
    if (!isLast) {
      return !input.hasRemaining();
    }
    if (!deflater.finished()) {
      return false;
    }
    ByteBuffer end = trailer;
    if (end == null) {
      end = ByteBuffer.allocate(TRAILER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      end.putInt((int) checksum.getValue()).putInt((int) deflater.getBytesRead()).flip();
      trailer = end;
    }
    move(end, output);
    return !end.hasRemaining();
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
