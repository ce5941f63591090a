package io.gatun.snapshot.layer.codec;

import io.gatun.snapshot.layer.Compression;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Compresses one blob, piece by piece, for one thread at a time. The same pieces make the same
 * blob.
 */
public sealed interface Compressor extends AutoCloseable permits GzipCompressor, ZstdCompressor {

  /**
   * {@return what compresses in this way}
   *
   * @throws UnsupportedLayerException if it cannot be done here
   * @throws IllegalArgumentException for {@link Compression#NONE}
   */
  static Compressor of(Compression compression) throws UnsupportedLayerException {
    return switch (compression) {
      case GZIP -> new GzipCompressor();
      case ZSTD -> new ZstdCompressor();
      case NONE -> throw new IllegalArgumentException("nothing to compress");
    };
  }

  /**
   * Compresses as far as input and room for output reach.
   *
   * @param input direct; its position moves
   * @param isLast whether no input follows this one
   * @param output direct; its position moves
   * @return whether the input is used up and, if it is the last, the blob is complete; otherwise
   *     there has to be more room
   */
  boolean compress(ByteBuffer input, boolean isLast, ByteBuffer output) throws IOException;

  @Override
  void close();
}
