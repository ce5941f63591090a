package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.state.Snapshots;
import java.util.ArrayList;
import java.util.List;

/** Has the indexed layers mounted that were so for a daemon before this one. */
public final class MountRestoration {

  private final Snapshots snapshots;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;

  /** Whether it is known of all active snapshots and views which layers they need. */
  private boolean mountRefsRestored;

  MountRestoration(Snapshots snapshots, IndexedLayers indexedLayers, LayerMounts layerMounts) {
    this.snapshots = snapshots;
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
  }

  /**
   * Has the indexed layers mounted that active snapshots and views need, and no others; before the
   * first request.
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
   * Has all layers held that active snapshots and views need, though none of them was kept when
   * this daemon was started; while requests are served.
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
