package io.gatun.snapshot.layer.codec;

import io.gatun.isal.IsalInflater;
import java.nio.ByteBuffer;

/** Uses ISA-L. */
final class IsalGzipMembers extends GzipMembers {

  private final IsalInflater inflater = new IsalInflater();

  @Override
  void beginBody() {
    inflater.reset();
  }

  @Override
  boolean decompressBody(ByteBuffer input, ByteBuffer output) throws CorruptStreamException {
    try {
      return inflater.inflate(input, output) == IsalInflater.Progress.FINISHED;
    } catch (IsalInflater.CorruptException e) {
      throw new CorruptStreamException(e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    inflater.close();
  }
}
