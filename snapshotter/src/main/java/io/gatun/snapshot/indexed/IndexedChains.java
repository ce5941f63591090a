package io.gatun.snapshot.indexed;

import io.gatun.snapshot.SnapshotRecord;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Finds the layers below many snapshots, and looks up the parent of each snapshot only once. Its
 * results are valid while the parents of these snapshots are not removed.
 */
final class IndexedChains {

  private final Function<SnapshotRecord, @Nullable SnapshotRecord> parents;

  /** By snapshot id: the snapshot's own layer, with those below it. */
  private final Map<Long, LayerRefCounts.Chained> known = new HashMap<>();

  /**
   * @param parents gives the parent of a snapshot; null if it has none
   */
  IndexedChains(Function<SnapshotRecord, @Nullable SnapshotRecord> parents) {
    this.parents = parents;
  }

  /** {@return the nearest layer below a snapshot, with those below it; null if there is none} */
  LayerRefCounts.@Nullable Chained below(SnapshotRecord snapshot) {
    Deque<Long> unknown = new ArrayDeque<>();
    SnapshotRecord at = parents.apply(snapshot);
    while (at != null && !known.containsKey(at.id())) {
      unknown.push(at.id());
      at = parents.apply(at);
    }
    LayerRefCounts.Chained nearest = at == null ? null : known.get(at.id());
    while (!unknown.isEmpty()) {
      long id = unknown.pop();
      nearest = new LayerRefCounts.Chained(id, nearest);
      known.put(id, nearest);
    }
    return nearest;
  }
}
