package io.gatun.bench;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.Change;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A metadata store of a node with images and containers: each ten snapshots are an image of eight
 * layers and two of its containers. The files have the size of the daemon's default and differ only
 * in content. Not thread-safe, except for the store itself.
 */
final class SampleStore implements AutoCloseable {

  private static final int ENTRIES_MAX = 200_000;

  private static final int SNAPSHOTS_PER_IMAGE = 10;
  private static final int LAYERS_PER_IMAGE = 8;

  /** As many records as fit into one journal frame. */
  private static final int CHANGES_AT_ONCE = 500;

  /** A prime, which makes the steps visit every record before any repeats. */
  private static final int STRIDE = 7_919;

  private final TemporaryDirectory directory;
  private final MetadataStore store;
  private final List<String> names = new ArrayList<>();
  private final List<SnapshotRecord> images = new ArrayList<>();
  private int position;

  private SampleStore(TemporaryDirectory directory, MetadataStore store) {
    this.directory = directory;
    this.store = store;
  }

  /**
   * {@return a store with the given number of records}
   *
   * @param parent the directory for the store's temporary directory
   * @param records a multiple of 10
   */
  static SampleStore open(String parent, int records) throws IOException {
    TemporaryDirectory directory = TemporaryDirectory.in(parent);
    MetadataSettings settings = MetadataSettings.defaults().withEntriesMax(ENTRIES_MAX);
    SampleStore sample =
        new SampleStore(directory, MetadataStore.open(new LinuxDisk(), directory.path(), settings));
    List<Change> changes = new ArrayList<>();
    while (sample.names.size() < records) {
      sample.addImage(changes);
      if (changes.size() >= CHANGES_AT_ONCE) {
        sample.store.apply(changes);
        changes.clear();
      }
    }
    sample.store.apply(changes);
    return sample;
  }

  private void addImage(List<Change> changes) {
    SnapshotRecord image = SampleRecords.layer(store.nextId(), null);
    add(image, changes);
    for (int i = 1; i < LAYERS_PER_IMAGE; i++) {
      image = SampleRecords.layer(store.nextId(), image);
      add(image, changes);
    }
    images.add(image);
    for (int i = LAYERS_PER_IMAGE; i < SNAPSHOTS_PER_IMAGE; i++) {
      add(SampleRecords.container(store.nextId(), image), changes);
    }
  }

  private void add(SnapshotRecord record, List<Change> changes) {
    names.add(record.name());
    changes.add(new Change.Put(record));
  }

  MetadataStore store() {
    return store;
  }

  /** {@return the name of a snapshot in the store, far from the previous one} */
  String nextName() {
    position = (position + STRIDE) & Integer.MAX_VALUE;
    return names.get(position % names.size());
  }

  /** {@return the topmost layer of an image in the store, far from the previous one} */
  SnapshotRecord nextImage() {
    position = (position + STRIDE) & Integer.MAX_VALUE;
    return images.get(position % images.size());
  }

  /** {@return a container's record that is not in the store} */
  SnapshotRecord newContainer() {
    return SampleRecords.container(store.nextId(), nextImage());
  }

  @Override
  public void close() {
    store.close();
    directory.close();
  }
}
