package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.containerd.ContainerdSnapshotter;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;

/**
 * Goal: the model answers as containerd's own metadata store does. Method: the random operations of
 * the lifecycle properties, done to both; only what Gatun itself refuses at its door is kept from
 * the store.
 */
class ModelConformanceIT {

  private static final int SEQUENCE_LENGTH = 500;

  @Provide
  Arbitrary<List<Operation>> sequences() {
    return Operations.any()
        .map(
            operation ->
                // The packaged release knows no parent at commit.
                operation instanceof Operation.Commit(var name, var key, var parent, var labels)
                    ? new Operation.Commit(name, key, "", labels)
                    : operation)
        .list()
        .ofSize(SEQUENCE_LENGTH);
  }

  @Tag("long")
  @Property(tries = 30)
  void theModelAnswersAsContainerdDoesInManyTries(@ForAll("sequences") List<Operation> sequence)
      throws Exception {
    theModelAnswersAsContainerdDoes(sequence);
  }

  @Property(tries = 10)
  void theModelAnswersAsContainerdDoes(@ForAll("sequences") List<Operation> sequence)
      throws Exception {
    try (ContainerdSubject containerd = new ContainerdSubject(ContainerdSnapshotter.start())) {
      new Comparison(containerd).run(sequence);
    }
  }

  private record ContainerdSubject(ContainerdSnapshotter containerd) implements Subject {

    @Override
    public Snapshotter snapshotter() {
      return new AtOurDoor(containerd);
    }

    @Override
    public void checkMounts(List<Mount> actual, List<Mount> expected) {
      assertThat(actual).isEqualTo(expected);
    }

    @Override
    public void checkUsage(Usage actual, String key, ModelSnapshotter model, ModelFiles files) {}

    @Override
    public void write(String key, String file, String content) {}

    @Override
    public void restart() {}

    @Override
    public void checkInvariants(Operation last, ModelSnapshotter model, ModelFiles files) {}

    @Override
    public void close() {
      containerd.close();
    }
  }

  /** containerd's store, after the checks of arguments that are ours. */
  private static final class AtOurDoor implements Snapshotter {
    private final ModelSnapshotter door = new ModelSnapshotter();
    private final Snapshotter store;

    AtOurDoor(Snapshotter store) {
      this.store = store;
    }

    @Override
    public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
      door.requireCreation(key, parent, labels);
      return store.prepare(key, parent, labels);
    }

    @Override
    public List<Mount> view(String key, String parent, Map<String, String> labels) {
      door.requireCreation(key, parent, labels);
      return store.view(key, parent, labels);
    }

    @Override
    public List<Mount> mounts(String key) {
      door.requireKey(key);
      return store.mounts(key);
    }

    @Override
    public void commit(String name, String key, String parent, Map<String, String> labels) {
      door.requireKey(name);
      door.requireCreation(key, parent, labels);
      store.commit(name, key, parent, labels);
    }

    @Override
    public void remove(String key) {
      door.requireKey(key);
      store.remove(key);
    }

    @Override
    public SnapshotInfo stat(String key) {
      door.requireKey(key);
      return store.stat(key);
    }

    @Override
    public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
      door.requireKey(name);
      door.requireLabels(labels);
      return store.update(name, labels, fieldPaths);
    }

    @Override
    public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
      store.list(filters, visitor);
    }

    @Override
    public Usage usage(String key) {
      door.requireKey(key);
      return store.usage(key);
    }

    @Override
    public void cleanup() {
      store.cleanup();
    }
  }
}
