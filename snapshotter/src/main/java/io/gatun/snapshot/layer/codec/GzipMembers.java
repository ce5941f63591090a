package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;

/** gzip members: RFC 1952. The implementations decompress and verify what follows the header. */
abstract sealed class GzipMembers implements Decompressor permits IsalGzipMembers, JdkGzipMembers {

  private final GzipHeader header = new GzipHeader();
  private boolean isInBody;

  @Override
  public final void begin() {
    header.begin();
    beginBody();
    isInBody = false;
  }

  @Override
  public final boolean decompress(ByteBuffer input, ByteBuffer output)
      throws CorruptStreamException {
    isInBody = isInBody || header.read(input);
    return isInBody && decompressBody(input, output);
  }

  abstract void beginBody();

  /** See {@link #decompress}. */
  abstract boolean decompressBody(ByteBuffer input, ByteBuffer output)
      throws CorruptStreamException;

  @Override
  public final String unit() {
    return "gzip member";
  }
}
