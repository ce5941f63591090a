package io.gatun.snapshot.layer.lower;

import io.gatun.linux.LinuxPath;
import java.util.ArrayList;
import java.util.List;

/** Splits and joins paths. */
public final class PathText {

  private PathText() {}

  /** {@return the non-empty components of a path} */
  public static List<LinuxPath> components(LinuxPath path) {
    List<LinuxPath> components = new ArrayList<>();
    int start = 0;
    for (int at = 0; at <= path.length(); at++) {
      if (at == path.length() || path.byteAt(at) == '/') {
        if (at > start) {
          components.add(path.slice(start, at));
        }
        start = at + 1;
      }
    }
    return components;
  }

  /** {@return the path without its last component and the slash before it} */
  public static LinuxPath parent(LinuxPath path) {
    int end = path.length() - 1;
    while (end > 0 && path.byteAt(end) != '/') {
      end--;
    }
    return path.slice(0, end);
  }

  public static LinuxPath join(List<LinuxPath> components) {
    int length = components.stream().mapToInt(component -> component.length() + 1).sum();
    byte[] joined = new byte[Math.max(0, length - 1)];
    int at = 0;
    for (LinuxPath component : components) {
      if (at > 0) {
        joined[at++] = '/';
      }
      byte[] bytes = component.bytes();
      System.arraycopy(bytes, 0, joined, at, bytes.length);
      at += bytes.length;
    }
    return LinuxPath.ofBytes(joined);
  }
}
