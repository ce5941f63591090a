package io.gatun.snapshot.layer.codec;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** zstd frames, including skippable ones, decompressed by zstd's own library. */
final class ZstdFrames implements Decompressor {

  /**
   * A window of 8 MiB, which RFC 8878 recommends that every decoder supports, and which zstd does
   * not exceed below level 20.
   */
  static final int WINDOW_LOG_MAX = 23;

  private final ZstdDecompressCtx context;

  /**
   * @throws UnsupportedLayerException if the library is not available here
   */
  ZstdFrames() throws UnsupportedLayerException {
    ZstdLibrary.require();
    this.context = new ZstdDecompressCtx();
  }

  @Override
  public void begin() {
    context.reset();
    context.setLongMax(WINDOW_LOG_MAX);
  }

  @Override
  public boolean decompress(ByteBuffer input, ByteBuffer output)
      throws CorruptStreamException, IOException {
    try {
      return context.decompressDirectByteBufferStream(output, input);
    } catch (ZstdException e) {
      // These codes are negative on some JDKs only.
      long code = Math.abs(e.getErrorCode());
      if (code == Zstd.errFrameParameterWindowTooLarge()) {
        throw new UnsupportedLayerException(
            "zstd frame with a window of more than %d bytes".formatted(1 << WINDOW_LOG_MAX));
      }
      if (code == Zstd.errMemoryAllocation()) {
        throw new IOException("zstd: " + e.getMessage(), e);
      }
      throw new CorruptStreamException("zstd: " + e.getMessage(), e);
    }
  }

  @Override
  public String unit() {
    return "zstd frame";
  }

  @Override
  public void close() {
    context.close();
  }
}
