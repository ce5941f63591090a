package io.gatun.snapshot.layer.codec;

import io.gatun.snapshot.layer.Compression;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Compresses one blob piece by piece. Not thread-safe. The same pieces produce the same blob. */
public sealed interface Compressor extends AutoCloseable permits GzipCompressor, ZstdCompressor {

  /**
   * {@return a compressor}
   *
   * @throws UnsupportedLayerException if the compression is not available here
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
   * Compresses until the input ends or the output is full.
   *
   * @param input direct; its position moves
   * @param isLast whether this is the last input
   * @param output direct; its position moves
   * @return whether the input is used up and, after the last one, the blob is complete; otherwise
   *     more output space is needed
   */
  boolean compress(ByteBuffer input, boolean isLast, ByteBuffer output) throws IOException;

  @Override
  void close();
}
