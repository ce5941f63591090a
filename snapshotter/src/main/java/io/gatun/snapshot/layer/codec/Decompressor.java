package io.gatun.snapshot.layer.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Decompresses one gzip member or zstd frame after the other. Not thread-safe. */
sealed interface Decompressor extends AutoCloseable permits GzipMembers, ZstdFrames {

  /** Invalid compressed data; {@link BlobDecoder} adds the offset. */
  final class CorruptStreamException extends Exception {

    private static final long serialVersionUID = 1L;

    CorruptStreamException(@Nullable String reason, @Nullable Throwable cause) {
      super(reason, cause);
    }
  }

  /** Begins a new member or frame, whatever the state of the last one. */
  void begin();

  /**
   * Decompresses until the input ends, the output is full, or the member or frame ends. A call that
   * moves neither buffer needs more input.
   *
   * @param input direct; its position moves
   * @param output direct; its position moves
   * @return whether the member or frame has ended and all of it is in the output
   */
  boolean decompress(ByteBuffer input, ByteBuffer output)
      throws CorruptStreamException, IOException;

  /** {@return the name of one unit, for messages} */
  String unit();

  @Override
  void close();
}
