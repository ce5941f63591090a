package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.indexed.LayerRefCounts.Chained;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** The references to layers, and the number of steps to count them. */
class LayerRefCountsTest {

  private final LayerRefCounts refCounts = new LayerRefCounts();

  @Test
  void aChainThatIsNeededAlreadyCostsOneStep() {
    Chained base = new Chained(1, null);
    Chained second = new Chained(2, base);
    assertThat(refCounts.acquire(second)).containsExactly(2L, 1L);
    assertThat(refCounts.acquire(second)).isEmpty();
    assertThat(refCounts.acquire(new Chained(3, second))).containsExactly(3L);
    assertThat(refCounts.acquire(base)).isEmpty();
    assertThat(refCounts.acquire(null)).isEmpty();
  }

  @Test
  void aLayerIsNeededAsLongAsOneOnTopOfItIs() {
    Chained second = new Chained(2, new Chained(1, null));
    Chained third = new Chained(3, second);
    refCounts.acquire(second);
    refCounts.acquire(third);
    assertThat(refCounts.release(second)).isEmpty();
    assertThat(refCounts.isReferenced(2)).isTrue();
    assertThat(refCounts.release(third)).containsExactly(3L, 2L, 1L);
    assertThat(refCounts.isReferenced(1)).isFalse();
    assertThat(refCounts.acquire(second)).containsExactly(2L, 1L);
  }

  @Test
  void theFirstOfSeveralHasTheOthersBelow() {
    assertThat(Chained.of(List.of(3L, 2L))).isEqualTo(new Chained(3, new Chained(2, null)));
    assertThat(Chained.of(List.of())).isNull();
  }

  /** Compares the counts with a plain count of all layers below each snapshot. */
  @Test
  void whatIsNeededIsWhatAnybodyHasInHisChain() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    Map<Long, Chained> layers = new HashMap<>();
    for (long id = 1; id <= 40; id++) {
      layers.put(id, new Chained(id, layers.get((long) random.nextInt((int) id))));
    }
    List<Chained> held = new ArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      if (held.isEmpty() || random.nextBoolean()) {
        Chained nearest = layers.get(1L + random.nextInt(40));
        refCounts.acquire(nearest);
        held.add(nearest);
      } else {
        refCounts.release(held.remove(random.nextInt(held.size())));
      }
      for (long id = 1; id <= 40; id++) {
        long layer = id;
        assertThat(refCounts.isReferenced(id))
            .as("seed %d, step %d, layer %d", seed, i, id)
            .isEqualTo(
                held.stream().flatMapToLong(LayerRefCountsTest::ids).anyMatch(x -> x == layer));
      }
    }
  }

  private static LongStream ids(Chained nearest) {
    LongStream.Builder ids = LongStream.builder();
    for (Chained at = nearest; at != null; at = at.below()) {
      ids.add(at.id());
    }
    return ids.build();
  }
}
