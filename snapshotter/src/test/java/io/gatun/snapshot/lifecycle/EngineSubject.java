package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.DriverSetting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * The engine, alone on a root. Nobody tells which snapshot has which directory; it is found out by
 * watching which directory each new snapshot brings.
 */
final class EngineSubject implements Subject {

  private final TestRoot root;
  private final Sight sight;

  /** The id of each snapshot that there is. */
  private final Map<String, Long> ids = new HashMap<>();

  /** Of those that there were, too. */
  private final Set<Long> usedIds = new HashSet<>();

  private long highestId;

  EngineSubject(DriverSetting driver, Sight sight) {
    this.root = TestRoot.create(driver);
    this.sight = sight;
  }

  @Override
  public Snapshotter snapshotter() {
    return root.snapshotter();
  }

  @Override
  public boolean canRebase() {
    return root.driver() == DriverSetting.OVERLAY;
  }

  @Override
  public void checkMounts(List<Mount> actual, List<Mount> expected) {
    assertThat(actual).hasSize(1);
    Mount wanted = expected.getFirst();
    String key = wanted.source();
    if (!ids.containsKey(key)) {
      adopt(key);
    }
    Layers layers = Layers.of(actual.getFirst());
    boolean isActive = wanted.type().equals(Kind.ACTIVE.filterName());
    List<Long> chain = wanted.options().stream().map(this::id).toList();
    List<Long> stack = new ArrayList<>(chain);
    if (isActive || chain.isEmpty()) {
      stack.addFirst(id(key));
    }
    assertThat(layers.upper().isPresent()).as("%s can be written", key).isEqualTo(isActive);
    assertThat(layers.ids())
        .as("layers of %s", key)
        .isEqualTo(
            switch (root.driver()) {
              case OVERLAY -> stack;
              case NATIVE -> List.of(stack.getFirst());
              case AUTO -> throw new AssertionError("no driver was chosen");
            });
  }

  private long id(String key) {
    return Objects.requireNonNull(ids.get(key), () -> "no directory of " + key + " was seen");
  }

  private void adopt(String key) {
    Set<Long> fresh = root.directories();
    fresh.removeAll(usedIds);
    assertThat(fresh).as("directories that came with %s", key).hasSize(1);
    long id = fresh.iterator().next();
    assertThat(id).as("id of %s", key).isGreaterThan(highestId);
    highestId = id;
    usedIds.add(id);
    ids.put(key, id);
  }

  @Override
  public void checkUsage(Usage actual, String key, ModelSnapshotter model, ModelFiles files) {
    ModelSnapshotter.Entry entry = model.require("usage", key);
    if (entry.kind() == Kind.VIEW) {
      assertThat(actual).isEqualTo(new Usage(0, 0));
      return;
    }
    int top = 1;
    assertThat(actual.inodes()).isEqualTo(top + own(key, entry, model, files).size());
  }

  /** The files that have to be in the directory of a snapshot itself. */
  private Map<String, String> own(
      String key, ModelSnapshotter.Entry entry, ModelSnapshotter model, ModelFiles files) {
    return root.driver() == DriverSetting.OVERLAY
        ? files.own(key)
        : files.visible(key, model.chain(entry));
  }

  @Override
  public void write(String key, String file, String content) {
    try {
      sight.write(
          snapshotter().mounts(key).getFirst(),
          top -> Files.writeString(top.resolve(file), content));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void restart() {
    root.stop();
    root.checkMetadata(ids);
    root.start();
  }

  @Override
  public void checkInvariants(Operation last, ModelSnapshotter model, ModelFiles files) {
    follow(last, model);
    assertThat(ids.keySet()).isEqualTo(model.entries.keySet());
    checkDirectories(last);
    checkStat();
    checkChildren(model);
    try {
      checkFiles(last, model, files);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void follow(Operation last, ModelSnapshotter model) {
    switch (last) {
      case Operation.Commit commit
          when ids.containsKey(commit.key()) && !model.entries.containsKey(commit.key()) ->
          ids.put(commit.name(), ids.remove(commit.key()));
      case Operation.Remove remove when !model.entries.containsKey(remove.key()) ->
          ids.remove(remove.key());
      case Operation.Request _, Operation.Write _, Operation.Restart _ -> {}
    }
  }

  private void checkDirectories(Operation last) {
    Set<Long> present = Set.copyOf(ids.values());
    assertThat(present).as("ids of %s", ids).hasSameSizeAs(ids.keySet());
    Set<Long> directories = root.directories();
    Set<String> trash = root.trash();
    assertThat(directories).containsAll(present);
    if (last instanceof Operation.Cleanup) {
      assertThat(directories).isEqualTo(present);
      assertThat(trash).isEmpty();
    }
    // Whatever else there is waits to be deleted.
    Set<String> allowed = new TreeSet<>();
    usedIds.stream().filter(id -> !present.contains(id)).forEach(id -> allowed.add("" + id));
    directories.removeAll(present);
    assertThat(allowed).containsAll(directories.stream().map(id -> "" + id).toList());
    assertThat(allowed).containsAll(trash);
  }

  private void checkStat() {
    Map<String, SnapshotInfo> listed = Comparison.list(snapshotter());
    listed.forEach((name, info) -> assertThat(snapshotter().stat(name)).isEqualTo(info));
  }

  /** The refusal to remove a parent says how many children it has. */
  private void checkChildren(ModelSnapshotter model) {
    Map<String, Integer> children = new HashMap<>();
    model.entries.values().stream()
        .map(ModelSnapshotter.Entry::parent)
        .filter(parent -> !parent.isEmpty())
        .forEach(parent -> children.merge(parent, 1, Integer::sum));
    children.forEach(
        (parent, count) ->
            assertThatThrownBy(() -> snapshotter().remove(parent))
                .isInstanceOf(SnapshotException.FailedPrecondition.class)
                .hasMessageContaining("remove")
                .hasMessageContaining(" %d child".formatted(count)));
  }

  private void checkFiles(Operation last, ModelSnapshotter model, ModelFiles files)
      throws IOException {
    List<String> looked =
        switch (last) {
          case Operation.Prepare prepare -> List.of(prepare.key());
          case Operation.View view -> List.of(view.key());
          case Operation.Mounts mounts -> List.of(mounts.key());
          case Operation.Commit commit -> List.of(commit.name());
          case Operation.Restart _, Operation.Cleanup _ -> List.copyOf(ids.keySet());
          case Operation.Write _, Operation.Request _ -> List.of();
        };
    for (String key : looked) {
      ModelSnapshotter.Entry entry = model.entries.get(key);
      if (entry != null) {
        checkFiles(key, entry, model, files);
      }
    }
  }

  private void checkFiles(
      String key, ModelSnapshotter.Entry entry, ModelSnapshotter model, ModelFiles files)
      throws IOException {
    if (entry.kind() == Kind.COMMITTED) {
      assertThat(DirectSight.filesOf(root.files(id(key))))
          .as("files of %s", key)
          .isEqualTo(own(key, entry, model, files));
    } else {
      assertThat(sight.files(snapshotter().mounts(key).getFirst()))
          .as("files seen through %s", key)
          .isEqualTo(files.visible(key, model.chain(entry)));
    }
  }

  @Override
  public void close() {
    root.close();
  }
}
