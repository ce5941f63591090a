package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;

/** gzip members: RFC 1952. */
final class GzipMembers implements Decompressor {

  private final GzipHeader header = new GzipHeader();
  private final GzipBody body;
  private boolean isInBody;

  GzipMembers(GzipBody body) {
    this.body = body;
  }

  @Override
  public void begin() {
    header.begin();
    body.begin();
    isInBody = false;
  }

  @Override
  public boolean decompress(ByteBuffer input, ByteBuffer output) throws CorruptStreamException {
    isInBody = isInBody || header.read(input);
    return isInBody && body.decompress(input, output);
  }

  @Override
  public String unit() {
    return "gzip member";
  }

  @Override
  public void close() {
    body.close();
  }
}
