package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;

/** Decompresses and verifies the content of a gzip member after its header. */
sealed interface GzipBody extends AutoCloseable permits IsalGzipBody, JdkGzipBody {

  /** See {@link Decompressor#begin}. */
  void begin();

  /** See {@link Decompressor#decompress}. */
  boolean decompress(ByteBuffer input, ByteBuffer output) throws CorruptStreamException;

  @Override
  void close();
}
