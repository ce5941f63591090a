package io.gatun.snapshot.layer.codec;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Decompresses one gzip member or zstd frame after the other, for one thread at a time. */
sealed interface Decompressor extends AutoCloseable permits GzipMembers, ZstdFrames {

  /** Makes ready for the beginning of a member or frame, whatever was before. */
  void begin();

  /**
   * Decompresses as far as input and room for output reach, or to the end of the member or frame. A
   * call that moves neither buffer needs more input.
   *
   * @param input direct; its position moves
   * @param output direct; its position moves
   * @return whether the member or frame has ended and all of it is in the output
   */
  boolean decompress(ByteBuffer input, ByteBuffer output)
      throws CorruptStreamException, IOException;

  /** {@return what one unit is called} */
  String unit();

  @Override
  void close();
}
