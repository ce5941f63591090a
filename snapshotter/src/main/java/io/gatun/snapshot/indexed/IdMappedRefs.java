package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.mount.IdMappedMounts;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which layers are needed with other owners, by the name of the mapping; and what is shown so
 * without need goes. Snapshots that need none of their layers so are not counted here.
 *
 * <p>Who needs a layer has been counted before it is shown for him, and what goes is judged while
 * nothing is shown. So nothing is taken away from him.
 */
public final class IdMappedRefs {

  private static final Logger log = LoggerFactory.getLogger(IdMappedRefs.class);

  private final IdMappedMounts mounts;
  private final Map<LinuxPath, LayerRefCounts> refCounts = new HashMap<>();

  public IdMappedRefs(IdMappedMounts mounts) {
    this.mounts = mounts;
  }

  synchronized void take(LinuxPath mapping, LayerRefCounts.@Nullable Chained nearest) {
    var _ = refCounts.computeIfAbsent(mapping, _ -> new LayerRefCounts()).acquire(nearest);
  }

  /** Unmounts nothing yet. */
  synchronized void drop(LinuxPath mapping, LayerRefCounts.@Nullable Chained nearest) {
    refCounts.computeIfPresent(
        mapping,
        (_, needs) -> {
          var _ = needs.release(nearest);
          return needs.isEmpty() ? null : needs;
        });
  }

  private synchronized boolean isNeeded(LinuxPath mapping, long id) {
    LayerRefCounts needs = refCounts.get(mapping);
    return needs != null && needs.isReferenced(id);
  }

  /** Unmounts what is shown through any mapping and not needed so. */
  void unmountUnused() {
    try {
      mounts.unmountUnless(this::isNeeded);
    } catch (ErrnoException e) {
      log.warn("cannot unmount layers with mapped owners error=\"{}\"", e.getMessage());
    } catch (RuntimeException e) {
      // A bug, which nobody would hear of.
      log.error("cannot unmount layers with mapped owners", e);
    }
  }
}
