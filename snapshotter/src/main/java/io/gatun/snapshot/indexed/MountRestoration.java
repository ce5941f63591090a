package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.state.Snapshots;
import java.util.ArrayList;
import java.util.List;

/** Restores the layer mounts that an earlier daemon kept for its snapshots. */
public final class MountRestoration {

  private final Snapshots snapshots;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;

  /** Whether the layers of all active snapshots and views are counted. */
  private boolean mountRefsRestored;

  MountRestoration(Snapshots snapshots, IndexedLayers indexedLayers, LayerMounts layerMounts) {
    this.snapshots = snapshots;
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
  }

  /**
   * Mounts the indexed layers that active snapshots and views need, and unmounts others. Called
   * before the first request.
   */
  public synchronized void restoreAll() throws ErrnoException {
    mountRefsRestored = !indexedLayers.isEmpty();
    if (mountRefsRestored) {
      IndexedChains below = new IndexedChains(snapshots.chains()::parentOf);
      referrers().forEach(user -> restore(user, below));
    }
    layerMounts.unmountOthers();
  }

  /**
   * Counts the layers that active snapshots and views need, if the daemon started without any
   * indexed layer. Called while requests are served.
   */
  public synchronized void acquireAll() {
    if (mountRefsRestored) {
      return;
    }
    IndexedChains below = new IndexedChains(snapshots.chains()::parentOf);
    for (SnapshotRecord user : referrers()) {
      try (var _ = snapshots.nameLocks().lock(List.of(user.name()), "")) {
        if (isStill(user) && !layerMounts.isLeased(user.id())) {
          restore(user, below);
        }
      }
    }
    mountRefsRestored = true;
  }

  private List<SnapshotRecord> referrers() {
    List<SnapshotRecord> users = new ArrayList<>();
    snapshots
        .store()
        .forEach(
            record -> {
              if (record.kind() != Kind.COMMITTED) {
                users.add(record);
              }
            });
    return users;
  }

  private boolean isStill(SnapshotRecord found) {
    return snapshots
        .store()
        .find(found.id())
        .filter(current -> current.name().equals(found.name()) && current.kind() == found.kind())
        .isPresent();
  }

  private void restore(SnapshotRecord user, IndexedChains below) {
    layerMounts.restore(user.id(), below.below(user), IdMappedMounts.mapping(user.labels()));
  }
}
