package io.gatun.snapshot.layer.codec;

import com.github.luben.zstd.util.Native;

/**
 * Loads zstd's native library when a layer first needs it. zstd-jni unpacks it into the directory
 * for temporary files, or the one named by {@code -DZstdTempFolder}, and deletes it after loading.
 */
final class ZstdLibrary {

  /** Why the library is not available, for messages; empty if it is. */
  private static final String ABSENCE = load();

  private ZstdLibrary() {}

  /**
   * @throws UnsupportedLayerException if the library is not available
   */
  static void require() throws UnsupportedLayerException {
    if (!ABSENCE.isEmpty()) {
      throw new UnsupportedLayerException(ABSENCE);
    }
  }

  private static String load() {
    try {
      Native.load();
      return "";
    } catch (LinkageError e) {
      return "zstd's library cannot be loaded (is the directory for temporary files mounted noexec?): "
          + String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
  }
}
