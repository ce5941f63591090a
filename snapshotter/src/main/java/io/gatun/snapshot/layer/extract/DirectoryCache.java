package io.gatun.snapshot.layer.extract;

import io.gatun.linux.LinuxPath;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Caches recently used open directories by their paths in the layer.
 *
 * <p>Removing a component of a path changes where the path leads. containerd once kept such a path
 * and wrote through a link that had replaced a directory (CVE-2025-47290). Therefore every removal
 * invalidates the whole cache. Creating entries never changes a path that led to a directory.
 *
 * <p>Invalidated directories stay open until {@link #release}, because callers may still use them.
 */
final class DirectoryCache implements AutoCloseable {

  /** Layers are mostly sorted, so only the path to the current directory is needed. */
  static final int LIMIT = 64;

  private static final float LOAD_FACTOR = 0.75f;

  private final Map<LinuxPath, OpenDirectory> open =
      new LinkedHashMap<>(2 * LIMIT, LOAD_FACTOR, true);

  private final List<OpenDirectory> forgotten = new ArrayList<>();

  @Nullable OpenDirectory get(LinuxPath path) {
    return open.get(path);
  }

  void put(LinuxPath path, OpenDirectory directory) {
    OpenDirectory previous = open.put(path, directory);
    if (previous != null) {
      forgotten.add(previous);
    } else if (open.size() > LIMIT) {
      var eldest = open.entrySet().iterator();
      forgotten.add(eldest.next().getValue());
      eldest.remove();
    }
  }

  void invalidate() {
    forgotten.addAll(open.values());
    open.clear();
  }

  /** Closes invalidated directories. */
  void release() {
    if (!forgotten.isEmpty()) {
      forgotten.forEach(directory -> directory.fd().close());
      forgotten.clear();
    }
  }

  @Override
  public void close() {
    invalidate();
    release();
  }
}
