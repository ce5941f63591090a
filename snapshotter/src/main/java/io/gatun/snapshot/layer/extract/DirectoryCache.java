package io.gatun.snapshot.layer.extract;

import io.gatun.linux.LinuxPath;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The directories that were used last, open, by the paths under which the layer named them.
 *
 * <p>What a path leads to changes when something on its way is removed, and then this must forget
 * it: containerd once did not, and wrote through a link that had taken the place of a directory
 * (CVE-2025-47290). So it forgets everything at every removal. That something new is made changes
 * no path which led to a directory before.
 *
 * <p>What is forgotten stays open until {@link #release}, since whoever asked for it may still be
 * at work.
 */
final class DirectoryCache implements AutoCloseable {

  /** Layers are mostly sorted, so that only the way to the current directory is needed. */
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

  /** Forgets all. */
  void invalidate() {
    forgotten.addAll(open.values());
    open.clear();
  }

  /** Closes what has been forgotten. */
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
