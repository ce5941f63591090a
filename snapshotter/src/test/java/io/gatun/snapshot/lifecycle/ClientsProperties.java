package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverSetting;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AddLifecycleHook;

/**
 * Goal: clients with names of their own do not notice each other. Method: each is compared with a
 * model of its own; now and then all stop, and everything there is is accounted for.
 */
class ClientsProperties implements LifecycleRun.Runs {

  private static final int CLIENTS = 4;
  private static final int SEQUENCE_LENGTH = 100;
  private static final int PHASES = 2;

  private long executed;

  @Override
  public int wanted() {
    return Operations.COUNT / 4;
  }

  @Override
  public int perTry() {
    return PHASES * CLIENTS * SEQUENCE_LENGTH;
  }

  @Override
  public long executed() {
    return executed;
  }

  @Provide
  Arbitrary<List<List<List<Operation>>>> phases() {
    return Operations.any()
        .list()
        .ofSize(SEQUENCE_LENGTH)
        .list()
        .ofSize(CLIENTS)
        .list()
        .ofSize(PHASES);
  }

  @Property(shrinking = ShrinkingMode.OFF)
  @AddLifecycleHook(LifecycleRun.class)
  void clientsDoNotNoticeEachOther(@ForAll("phases") List<List<List<Operation>>> phases) {
    try (TestRoot root = TestRoot.inMemory(DriverSetting.NATIVE);
        Clients clients = new Clients(CLIENTS)) {
      List<Comparison> comparisons =
          IntStream.range(0, CLIENTS)
              .mapToObj(Names::of)
              .map(
                  names ->
                      new Comparison(
                          new ClientSubject(root, new DirectSight(), names::contains), names))
              .toList();
      for (List<List<Operation>> sequences : phases) {
        clients.each(client -> comparisons.get(client).run(sequences.get(client)));
        executed += sequences.stream().mapToInt(List::size).sum();
        root.snapshotter().cleanup();
        assertThat(root.directories()).hasSameSizeAs(Comparison.list(root.snapshotter()).keySet());
        assertThat(root.trash()).isEmpty();
        root.stop();
        root.checkMetadata(Map.of());
        root.start();
      }
    }
  }
}
