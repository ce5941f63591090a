package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The layers below snapshots, and how often a parent is looked up. */
class IndexedChainsTest {

  private static final int DEPTH = 50;
  private static final int USERS = 200;

  private final Map<Long, SnapshotRecord> records = new HashMap<>();
  private final AtomicInteger questions = new AtomicInteger();

  private SnapshotRecord add(long id, Kind kind, long parent) {
    SnapshotRecord record =
        new SnapshotRecord(
            id,
            kind,
            "snapshot " + id,
            parent == SnapshotRecord.NO_PARENT ? "" : "snapshot " + parent,
            parent,
            Map.of(),
            Instant.EPOCH,
            Instant.EPOCH,
            null,
            new LayerForm.Directory());
    records.put(id, record);
    return record;
  }

  private IndexedChains chains() {
    return new IndexedChains(
        child -> {
          questions.incrementAndGet();
          return records.get(child.parentId());
        });
  }

  @Test
  void layersAreFoundNearestFirst() {
    long parent = SnapshotRecord.NO_PARENT;
    for (long id = 1; id <= 5; id++) {
      add(id, Kind.COMMITTED, parent);
      parent = id;
    }
    IndexedChains chains = chains();
    LayerRefCounts.Chained expected = LayerRefCounts.Chained.of(List.of(5L, 4L, 3L, 2L, 1L));
    assertThat(chains.below(add(6, Kind.ACTIVE, 5))).isEqualTo(expected);
    assertThat(chains.below(add(7, Kind.ACTIVE, 1))).isEqualTo(new LayerRefCounts.Chained(1, null));
    assertThat(chains.below(add(9, Kind.ACTIVE, 3)))
        .isEqualTo(LayerRefCounts.Chained.of(List.of(3L, 2L, 1L)));
    assertThat(chains.below(add(8, Kind.ACTIVE, SnapshotRecord.NO_PARENT))).isNull();
  }

  @Test
  void theParentOfEachSnapshotIsAskedForOnce() {
    long parent = SnapshotRecord.NO_PARENT;
    for (long id = 1; id <= DEPTH; id++) {
      add(id, Kind.COMMITTED, parent);
      parent = id;
    }
    IndexedChains chains = chains();
    for (long id = DEPTH + 1; id <= DEPTH + USERS; id++) {
      assertThat(chains.below(add(id, Kind.ACTIVE, DEPTH))).isNotNull();
    }
    assertThat(questions).hasValue(DEPTH + USERS);
  }
}
