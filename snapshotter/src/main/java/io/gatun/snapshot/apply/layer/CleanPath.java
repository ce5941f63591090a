package io.gatun.snapshot.apply.layer;

import io.gatun.linux.LinuxPath;
import java.util.Arrays;

/**
 * Paths made clean by their text alone, as if the layer were the root of everything: without empty
 * and {@code .} components, and {@code ..} takes away the component before it, if there is one.
 *
 * <p>By the text, since containerd does so ({@code filepath.Clean} and {@code fs.RootPath}): what
 * {@code a/../b} is must not depend on whether {@code a} is a link.
 */
final class CleanPath {

  private CleanPath() {}

  static LinuxPath of(LinuxPath path) {
    byte[] bytes = path.bytes();
    byte[] clean = new byte[bytes.length];
    int length = 0;
    int at = 0;
    while (at < bytes.length) {
      int end = at;
      while (end < bytes.length && bytes[end] != '/') {
        end++;
      }
      int size = end - at;
      if (size == 2 && bytes[at] == '.' && bytes[at + 1] == '.') {
        length = Math.max(0, lastSlash(clean, length));
      } else if (size > 0 && !(size == 1 && bytes[at] == '.')) {
        if (length > 0) {
          clean[length++] = '/';
        }
        System.arraycopy(bytes, at, clean, length, size);
        length += size;
      }
      at = end + 1;
    }
    return LinuxPath.ofBytes(Arrays.copyOf(clean, length));
  }

  /** {@return the directory and the name of a path that is clean and not empty} */
  static LayerPath split(LinuxPath clean) {
    byte[] bytes = clean.bytes();
    int slash = lastSlash(bytes, bytes.length);
    return new LayerPath(
        LinuxPath.ofBytes(Arrays.copyOf(bytes, Math.max(0, slash))),
        LinuxPath.ofBytes(Arrays.copyOfRange(bytes, slash + 1, bytes.length)));
  }

  private static int lastSlash(byte[] bytes, int length) {
    int at = length - 1;
    while (at >= 0 && bytes[at] != '/') {
      at--;
    }
    return at;
  }
}
