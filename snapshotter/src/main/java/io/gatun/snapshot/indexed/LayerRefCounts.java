package io.gatun.snapshot.indexed;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which layers are needed, by the ids of their snapshots.
 *
 * <p>A layer is needed by whoever has it as the nearest of his, and by each needed layer that has
 * it as the nearest below. So it counts once for all that need one on top of it, and to take a
 * chain costs as many steps as there are layers in it that nobody has needed before.
 */
final class LayerRefCounts {

  /**
   * A layer and those below it, which are the same for whoever has it.
   *
   * @param below the nearest
   */
  record Chained(long id, @Nullable Chained below) {

    /** {@return the first of these layers, which has the others below it, if there are any} */
    static @Nullable Chained of(List<Long> ids) {
      Chained chained = null;
      for (long id : ids.reversed()) {
        chained = new Chained(id, chained);
      }
      return chained;
    }
  }

  /** A layer that is needed, and how often. */
  private static final class RefCount {
    private final Chained layer;
    private int count = 1;

    private RefCount(Chained layer) {
      this.layer = layer;
    }
  }

  private final Map<Long, RefCount> counts = new HashMap<>();

  /** {@return the layers that were not needed before, nearest first} */
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
   * {@return the same layers, by the objects of whoever needed the nearest first} So what snapshots
   * need on top of one layer is kept in memory once.
   */
  synchronized @Nullable Chained shared(@Nullable Chained nearest) {
    @Nullable RefCount need = nearest == null ? null : counts.get(nearest.id());
    return need == null ? nearest : need.layer;
  }

  /** {@return the layers that are not needed any more, nearest first} */
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
