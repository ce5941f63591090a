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
 * Counts the references to id-mapped layer mounts, by the name of the mapping, and unmounts those
 * without references. Snapshots without id-mapped layers are not counted here.
 *
 * <p>A snapshot is counted before its layers are mounted, and the decision to unmount is made while
 * no layer is being mounted. A mount in use is therefore never removed.
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

  /** Drops a reference, but unmounts nothing; see {@link #unmountUnused}. */
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

  /** Unmounts the id-mapped mounts that no snapshot references. */
  void unmountUnused() {
    try {
      mounts.unmountUnless(this::isNeeded);
    } catch (ErrnoException e) {
      log.warn("cannot unmount layers with mapped owners error=\"{}\"", e.getMessage());
    } catch (RuntimeException e) {
      // A bug, which the executor would not report.
      log.error("cannot unmount layers with mapped owners", e);
    }
  }
}
