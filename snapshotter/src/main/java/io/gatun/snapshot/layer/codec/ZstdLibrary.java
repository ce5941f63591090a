package io.gatun.snapshot.layer.codec;

import com.github.luben.zstd.util.Native;
import java.util.Optional;

/**
 * Loads zstd's native library when a layer first needs it. zstd-jni unpacks it into the directory
 * for temporary files, or the one named by {@code -DZstdTempFolder}, and deletes it after loading.
 */
final class ZstdLibrary {

  private static final Optional<String> ABSENCE = load();

  private ZstdLibrary() {}

  /** {@return why the library is not available, for messages; empty if it is} */
  static Optional<String> absence() {
    return ABSENCE;
  }

  private static Optional<String> load() {
    try {
      Native.load();
      return Optional.empty();
    } catch (LinkageError e) {
      String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      return Optional.of(
          "zstd's library cannot be loaded (is the directory for temporary files mounted noexec?): "
              + reason);
    }
  }
}
