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
import io.gatun.snapshot.engine.LayerSetting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The engine as one of several clients sees it, each of which has names of its own.
 *
 * <p>Nobody tells which snapshot has which directory; it is read from the mounts of those that have
 * one to be mounted, and has to stay the same.
 */
class ClientSubject implements Subject {

  private final TestRoot root;
  private final Sight sight;
  private final OwnSnapshots snapshots;
  private final UnpackedTars tars;

  /** The id of each snapshot of this client, as far as it is known. */
  private final Map<String, Long> ids = new HashMap<>();

  /**
   * @param isOwn whether a snapshot of this name is this client's
   */
  ClientSubject(TestRoot root, Sight sight, Predicate<String> isOwn) {
    this.root = root;
    this.sight = sight;
    this.snapshots = new OwnSnapshots(root, isOwn);
    this.tars = new UnpackedTars(root);
  }

  @Override
  public final Snapshotter snapshotter() {
    return snapshots;
  }

  final Map<String, Long> ids() {
    return ids;
  }

  final UnpackedTars tars() {
    return tars;
  }

  @Override
  public final boolean canRebase() {
    return root.driver() == DriverSetting.OVERLAY;
  }

  @Override
  public final void checkMounts(List<Mount> actual, List<Mount> expected) {
    assertThat(actual).hasSize(1);
    Layers layers = Layers.of(actual.getFirst());
    Mount wanted = expected.getFirst();
    String key = wanted.source();
    boolean isActive = wanted.type().equals(Kind.ACTIVE.filterName());
    List<String> stack = new ArrayList<>(wanted.options());
    if (isActive || stack.isEmpty()) {
      stack.addFirst(key);
    }
    if (root.driver() == DriverSetting.NATIVE) {
      stack = List.of(stack.getFirst());
    }
    if (!ids.containsKey(key)) {
      adopt(key, stack.contains(key) ? layers : null);
    }
    assertThat(layers.upper().isPresent()).as("%s can be written", key).isEqualTo(isActive);
    assertThat(layers.ids())
        .as("layers of %s", key)
        .isEqualTo(stack.stream().map(this::id).toList());
  }

  /**
   * Finds out the id of a snapshot that was just made.
   *
   * @param layers what its mount shows, if its own directory is the first of it
   */
  void adopt(String key, @Nullable Layers layers) {
    if (layers != null) {
      ids.put(key, layers.ids().getFirst());
    }
  }

  private long id(String key) {
    return Objects.requireNonNull(ids.get(key), () -> "no directory of " + key + " was seen");
  }

  @Override
  public final void checkUsage(Usage actual, String key, ModelSnapshotter model, ModelFiles files) {
    ModelSnapshotter.Entry entry = model.require("usage", key);
    if (entry.kind() == Kind.VIEW) {
      assertThat(actual).isEqualTo(new Usage(0, 0));
      return;
    }
    // The top of the directory; or the tar of a layer with one file, and its index.
    int more = 1;
    assertThat(actual.inodes()).isEqualTo(more + own(key, entry, model, files).size());
  }

  /** The files that have to be in the directory of a snapshot itself. */
  private Map<String, String> own(
      String key, ModelSnapshotter.Entry entry, ModelSnapshotter model, ModelFiles files) {
    return root.driver() == DriverSetting.OVERLAY
        ? files.own(key)
        : files.visible(key, model.chain(entry));
  }

  @Override
  public final void write(String key, String file, String content) {
    List<Mount> mounts = snapshotter().mounts(key);
    if (root.layers() == LayerSetting.INDEXED && tars.unpack(id(key), mounts, file, content)) {
      return;
    }
    try {
      sight.write(mounts.getFirst(), top -> Files.writeString(top.resolve(file), content));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void restart() {
    throw new AssertionError("there are others");
  }

  @Override
  public void checkInvariants(Operation last, ModelSnapshotter model, ModelFiles files) {
    follow(last, model);
    assertThat(model.entries.keySet()).containsAll(ids.keySet());
    assertThat(root.directories()).as("directories").containsAll(ids.values());
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
          case Operation.Restart _, Operation.Cleanup _ -> List.copyOf(model.entries.keySet());
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
      assertThat(tars.files(id(key)))
          .as("files of %s", key)
          .isEqualTo(own(key, entry, model, files));
    } else {
      assertThat(sight.files(snapshotter().mounts(key).getFirst()))
          .as("files seen through %s", key)
          .isEqualTo(files.visible(key, model.chain(entry)));
    }
  }

  @Override
  public void close() {}
}
