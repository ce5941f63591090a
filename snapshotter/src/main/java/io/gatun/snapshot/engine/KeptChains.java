package io.gatun.snapshot.engine;

import io.gatun.snapshot.metadata.SnapshotRecord;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Finds the kept layers below many snapshots, asking for the parent of each snapshot once. For a
 * moment in which no snapshot is added or removed.
 */
final class KeptChains {

  /** Knows the parents of snapshots. */
  @FunctionalInterface
  interface Parents {
    /** {@return the parent of a snapshot, if it has one} */
    @Nullable SnapshotRecord of(SnapshotRecord child);
  }

  private final Parents parents;
  private final LongPredicate isKept;

  /** By the id of a snapshot: its own layer if that is kept, or the nearest below. */
  private final Map<Long, LayerUses.@Nullable Chained> known = new HashMap<>();

  KeptChains(Parents parents, LongPredicate isKept) {
    this.parents = parents;
    this.isKept = isKept;
  }

  /** {@return the nearest kept layer below a snapshot, if there is any} */
  LayerUses.@Nullable Chained below(SnapshotRecord snapshot) {
    Deque<Long> unknown = new ArrayDeque<>();
    SnapshotRecord at = parents.of(snapshot);
    while (at != null && !known.containsKey(at.id())) {
      unknown.push(at.id());
      at = parents.of(at);
    }
    LayerUses.Chained nearest = at == null ? null : known.get(at.id());
    while (!unknown.isEmpty()) {
      long id = unknown.pop();
      if (isKept.test(id)) {
        nearest = new LayerUses.Chained(id, nearest);
      }
      known.put(id, nearest);
    }
    return nearest;
  }
}
