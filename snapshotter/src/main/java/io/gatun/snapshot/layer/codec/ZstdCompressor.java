package io.gatun.snapshot.layer.codec;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** One zstd frame (RFC 8878) with a checksum, compressed by zstd's own library. */
final class ZstdCompressor implements Compressor {

  /** The default of zstd's own program. */
  private static final int LEVEL = 3;

  private final ZstdCompressCtx context;

  /**
   * @throws UnsupportedLayerException if the library is not available here
   */
  ZstdCompressor() throws UnsupportedLayerException {
    ZstdLibrary.require();
    context = new ZstdCompressCtx();
    context.setLevel(LEVEL);
    context.setChecksum(true);
  }

  @Override
  public boolean compress(ByteBuffer input, boolean isLast, ByteBuffer output) throws IOException {
    try {
      boolean isOut =
          context.compressDirectByteBufferStream(
              output, input, isLast ? EndDirective.END : EndDirective.CONTINUE);
      return isLast ? isOut : !input.hasRemaining();
    } catch (ZstdException e) {
      throw new IOException("zstd: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    context.close();
  }
}
