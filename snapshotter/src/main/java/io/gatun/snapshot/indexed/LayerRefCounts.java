package io.gatun.snapshot.indexed;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Counts the references to layers, by the ids of their snapshots.
 *
 * <p>A layer is referenced by every snapshot whose nearest layer it is, and by every referenced
 * layer directly above it. All references to a layer above count only once, so acquiring a chain
 * takes as many steps as it has layers without earlier references.
 */
final class LayerRefCounts {

  /**
   * A layer with those below it, which are the same for every snapshot on top of the layer.
   *
   * @param below the nearest layer below, with those below that
   */
  record Chained(long id, @Nullable Chained below) {

    /** {@return the first of these layers, with the others below it; null if the list is empty} */
    static @Nullable Chained of(List<Long> ids) {
      Chained chained = null;
      for (long id : ids.reversed()) {
        chained = new Chained(id, chained);
      }
      return chained;
    }
  }

  /** A referenced layer with the number of its references. */
  private static final class RefCount {
    private final Chained layer;
    private int count = 1;

    private RefCount(Chained layer) {
      this.layer = layer;
    }
  }

  private final Map<Long, RefCount> counts = new HashMap<>();

  /** {@return the layers that had no references before, nearest first} */
  synchronized List<Long> acquire(@Nullable Chained nearest) {
    List<Long> taken = new ArrayList<>();
    for (Chained at = nearest; at != null; at = at.below()) {
      @Nullable RefCount need = counts.get(at.id());
      if (need != null) {
        need.count++;
        break;
      }
      counts.put(at.id(), new RefCount(at));
      taken.add(at.id());
    }
    return taken;
  }

  /**
   * {@return the same layers, as the object that the first reference to the nearest layer brought}
   * Snapshots on the same layer thus share one object.
   */
  synchronized @Nullable Chained shared(@Nullable Chained nearest) {
    @Nullable RefCount need = nearest == null ? null : counts.get(nearest.id());
    return need == null ? nearest : need.layer;
  }

  /** {@return the layers that have no references any more, nearest first} */
  synchronized List<Long> release(@Nullable Chained nearest) {
    List<Long> dropped = new ArrayList<>();
    for (Chained at = nearest; at != null; at = at.below()) {
      @Nullable RefCount need = counts.get(at.id());
      if (need != null && need.count > 1) {
        need.count--;
        break;
      }
      counts.remove(at.id());
      dropped.add(at.id());
    }
    return dropped;
  }

  synchronized boolean isEmpty() {
    return counts.isEmpty();
  }

  synchronized boolean isReferenced(long id) {
    return counts.containsKey(id);
  }
}
