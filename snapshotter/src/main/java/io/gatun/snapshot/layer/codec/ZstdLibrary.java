package io.gatun.snapshot.layer.codec;

import com.github.luben.zstd.util.Native;
import java.util.Optional;

/**
 * zstd's native library, which zstd-jni unpacks into the directory for temporary files, or the one
 * that {@code -DZstdTempFolder} names, loads, and deletes at once. Only done when a layer needs it.
 */
final class ZstdLibrary {

  private static final Optional<String> ABSENCE = load();

  private ZstdLibrary() {}

  /** {@return why it cannot be used here, in words for people; or nothing if it can} */
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
