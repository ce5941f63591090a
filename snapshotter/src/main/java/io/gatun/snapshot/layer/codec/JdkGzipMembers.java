package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Uses the JDK's zlib, without {@link java.util.zip.GZIPInputStream}, which reads streams into
 * arrays and silently ignores data after a member that is not another header.
 */
final class JdkGzipMembers extends GzipMembers {

  /** CRC-32 and length modulo 2^32 of the uncompressed data, little-endian. */
  private static final int TRAILER_BYTES = 8;

  private final Inflater inflater = new Inflater(true);
  private final CRC32 checksum = new CRC32();
  private boolean isInflated;
  private int trailerBytes;
  private long trailer;

  @Override
  void beginBody() {
    inflater.reset();
    checksum.reset();
    isInflated = false;
    trailerBytes = 0;
    trailer = 0;
  }

  @Override
  boolean decompressBody(ByteBuffer input, ByteBuffer output) throws CorruptStreamException {
    isInflated = isInflated || inflate(input, output);
    return isInflated && readTrailer(input);
  }

  private boolean inflate(ByteBuffer input, ByteBuffer output) throws CorruptStreamException {
    int start = output.position();
    try {
      inflater.setInput(input);
      int inflated = inflater.inflate(output);
      checksum.update(output.slice(start, inflated));
    } catch (DataFormatException e) {
      throw new CorruptStreamException("inflate: " + e.getMessage(), e);
    }
    if (inflater.needsDictionary()) {
      throw new CorruptStreamException("inflate: needs a dictionary", null);
    }
    return inflater.finished();
  }

  private boolean readTrailer(ByteBuffer input) throws CorruptStreamException {
    while (trailerBytes < TRAILER_BYTES && input.hasRemaining()) {
      trailer |= (input.get() & 0xffL) << (8 * trailerBytes++);
    }
    if (trailerBytes < TRAILER_BYTES) {
      return false;
    }
    if ((trailer & 0xffff_ffffL) != checksum.getValue()) {
      throw new CorruptStreamException("wrong checksum", null);
    }
    if (trailer >>> 32 != (inflater.getBytesWritten() & 0xffff_ffffL)) {
      throw new CorruptStreamException("wrong length", null);
    }
    return true;
  }

  @Override
  public void close() {
    inflater.end();
  }
}
