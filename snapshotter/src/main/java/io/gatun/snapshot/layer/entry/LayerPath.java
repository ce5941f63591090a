package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import java.util.Arrays;

/**
 * A path below the root of a layer. Its directory may lead through symbolic links; its name is
 * never followed.
 *
 * @param directory components joined by single slashes, none of them {@code .} or {@code ..}; empty
 *     for the root
 * @param name one component, neither {@code .} nor {@code ..}
 */
public record LayerPath(LinuxPath directory, LinuxPath name) {

  /** {@return directory and name joined} */
  public LinuxPath whole() {
    return directory.resolve(name);
  }

  /**
   * {@return a path cleaned lexically, with the layer as the root: without empty and {@code .}
   * components; each {@code ..} removes the component before it, if there is one}
   *
   * <p>Lexically, as containerd does ({@code filepath.Clean} and {@code fs.RootPath}): the meaning
   * of {@code a/../b} must not depend on whether {@code a} is a link.
   */
  static LinuxPath clean(LinuxPath path) {
    // Most paths are clean, and there is one per entry.
    return isClean(path) ? path : cleaned(path.bytes());
  }

  private static boolean isClean(LinuxPath path) {
    int length = path.length();
    int start = 0;
    for (int at = 0; at <= length; at++) {
      if (at == length || path.byteAt(at) == '/') {
        int size = at - start;
        if (size == 0 || (size <= 2 && path.byteAt(start) == '.' && path.byteAt(at - 1) == '.')) {
          return false;
        }
        start = at + 1;
      }
    }
    return true;
  }

  /** {@return the clean path, built in place, because it is never longer} */
  private static LinuxPath cleaned(byte[] bytes) {
    int length = 0;
    int at = 0;
    while (at < bytes.length) {
      int end = at;
      while (end < bytes.length && bytes[end] != '/') {
        end++;
      }
      int size = end - at;
      if (size == 2 && bytes[at] == '.' && bytes[at + 1] == '.') {
        length = parentLength(bytes, length);
      } else if (size > 0 && !(size == 1 && bytes[at] == '.')) {
        if (length > 0) {
          bytes[length++] = '/';
        }
        System.arraycopy(bytes, at, bytes, length, size);
        length += size;
      }
      at = end + 1;
    }
    return LinuxPath.wrap(Arrays.copyOf(bytes, length));
  }

  private static int parentLength(byte[] bytes, int length) {
    int slash = length - 1;
    while (slash >= 0 && bytes[slash] != '/') {
      slash--;
    }
    return Math.max(0, slash);
  }

  /** {@return the directory and the name of a clean, non-empty path} */
  static LayerPath split(LinuxPath clean) {
    int slash = clean.length() - 1;
    while (slash >= 0 && clean.byteAt(slash) != '/') {
      slash--;
    }
    return new LayerPath(
        clean.slice(0, Math.max(0, slash)), clean.slice(slash + 1, clean.length()));
  }
}
