package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** The engine of a root, also after it was started again; but what others have is not listed. */
record OwnSnapshots(TestRoot root, Predicate<String> isOwn) implements Snapshotter {

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    return root.snapshotter().prepare(key, parent, labels);
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    return root.snapshotter().view(key, parent, labels);
  }

  @Override
  public List<Mount> mounts(String key) {
    return root.snapshotter().mounts(key);
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    root.snapshotter().commit(name, key, parent, labels);
  }

  @Override
  public void remove(String key) {
    root.snapshotter().remove(key);
  }

  @Override
  public SnapshotInfo stat(String key) {
    return root.snapshotter().stat(key);
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    return root.snapshotter().update(name, labels, fieldPaths);
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    root.snapshotter()
        .list(
            filters,
            info -> {
              if (isOwn.test(info.name())) {
                visitor.accept(info);
              }
            });
  }

  @Override
  public Usage usage(String key) {
    return root.snapshotter().usage(key);
  }

  @Override
  public void cleanup() {
    root.snapshotter().cleanup();
  }
}
