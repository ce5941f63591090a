package io.gatun.bench;

import com.github.luben.zstd.ZstdOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.zip.GZIPOutputStream;

/** The compression of a layer. */
public enum LayerForm {
  NONE,
  /** At the level that image builders use. */
  GZIP,
  /** At the level that image builders use. */
  ZSTD;

  OutputStream compress(OutputStream out) throws IOException {
    return switch (this) {
      case NONE -> out;
      case GZIP -> new GZIPOutputStream(out);
      case ZSTD -> new ZstdOutputStream(out);
    };
  }
}
