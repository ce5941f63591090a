package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverSetting;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The engine, alone on a root. So each new snapshot can be told to be the one that brought the new
 * directory, and all directories have to be accounted for.
 */
final class EngineSubject extends ClientSubject {

  private final TestRoot root;

  /** Of the snapshots that there are, and those that there were. */
  private final Set<Long> usedIds = new HashSet<>();

  private long highestId;

  /** Takes over the root: it is deleted when this is closed. */
  EngineSubject(TestRoot root, Sight sight) {
    super(root, sight, _ -> true);
    this.root = root;
  }

  static EngineSubject on(DriverSetting driver) {
    return new EngineSubject(TestRoot.inMemory(driver), new DirectSight());
  }

  @Override
  void adopt(String key, @Nullable Layers layers) {
    Set<Long> fresh = root.directories();
    fresh.removeAll(usedIds);
    assertThat(fresh).as("directories that came with %s", key).hasSize(1);
    long id = fresh.iterator().next();
    assertThat(id).as("id of %s", key).isGreaterThan(highestId);
    highestId = id;
    usedIds.add(id);
    ids().put(key, id);
  }

  @Override
  public void restart() {
    root.stop();
    root.checkMetadata(ids());
    root.start();
  }

  @Override
  public void checkInvariants(Operation last, ModelSnapshotter model, ModelFiles files) {
    if (last instanceof Operation.Cleanup) {
      // To look at the files of an active snapshot makes a directory of a layer that is kept.
      assertThat(root.directories()).isEqualTo(Set.copyOf(ids().values()));
      assertThat(root.trash()).isEmpty();
    }
    super.checkInvariants(last, model, files);
    assertThat(ids().keySet()).isEqualTo(model.entries.keySet());
    checkDirectories();
  }

  private void checkDirectories() {
    Set<Long> present = Set.copyOf(ids().values());
    assertThat(present).as("ids of %s", ids()).hasSameSizeAs(ids().keySet());
    Set<Long> directories = root.directories();
    Set<String> trash = root.trash();
    // Whatever else there is waits to be deleted.
    Set<String> removed = new TreeSet<>();
    usedIds.stream().filter(id -> !present.contains(id)).forEach(id -> removed.add("" + id));
    directories.removeAll(present);
    assertThat(removed).containsAll(directories.stream().map(id -> "" + id).toList());
    trash.removeIf(tars()::isReplaced);
    assertThat(removed).containsAll(trash);
  }

  @Override
  public void close() {
    root.stop();
    try {
      root.checkMetadata(ids());
    } finally {
      root.close();
    }
  }
}
