package io.gatun.snapshot.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MetadataStoreTest {

  private static final MetadataSettings SETTINGS = new MetadataSettings(1_000, 256 << 10);

  @TempDir private Path directory;

  private MetadataStore open() throws IOException {
    return MetadataStore.open(new LinuxDisk(), directory, SETTINGS);
  }

  @Test
  void findsWhatWasPut() throws IOException {
    try (MetadataStore store = open()) {
      SnapshotRecord base = Records.committed(store.nextId(), "base");
      SnapshotRecord child = Records.activeOn(store.nextId(), "key", base);
      store.put(base);
      store.put(child);
      assertThat(store.find("base")).contains(base);
      assertThat(store.find(child.id())).contains(child);
      assertThat(store.children(base.id())).isEqualTo(1);
      assertThat(store.size()).isEqualTo(2);
      assertThat(store.find("nothing")).isEmpty();
      assertThat(store.find(99L)).isEmpty();
    }
  }

  @Test
  void commitMovesTheNameAtOnce() throws IOException {
    try (MetadataStore store = open()) {
      SnapshotRecord active = Records.active(store.nextId(), "key");
      store.put(active);
      SnapshotRecord committed = Records.committed(active.id(), "name");
      store.put(committed);
      assertThat(store.find("key")).isEmpty();
      assertThat(store.find("name")).contains(committed);
      assertThat(store.size()).isEqualTo(1);
    }
  }

  @Test
  void refusesANameThatAnotherSnapshotHas() throws IOException {
    try (MetadataStore store = open()) {
      store.put(Records.active(store.nextId(), "key"));
      SnapshotRecord second = Records.active(store.nextId(), "key");
      assertThatThrownBy(() -> store.put(second))
          .isInstanceOf(SnapshotException.AlreadyExists.class)
          .hasMessageContaining("key");
      assertThatThrownBy(() -> store.requireUnused("key"))
          .isInstanceOf(SnapshotException.AlreadyExists.class);
      assertThat(store.find(second.id())).isEmpty();
    }
  }

  @Test
  void refusesToRemoveAParentAndSaysRemove() throws IOException {
    try (MetadataStore store = open()) {
      SnapshotRecord base = Records.committed(store.nextId(), "base");
      SnapshotRecord child = Records.activeOn(store.nextId(), "child", base);
      store.apply(List.of(new Change.Put(base), new Change.Put(child)));
      assertThatThrownBy(() -> store.remove(base.id()))
          .isInstanceOf(SnapshotException.FailedPrecondition.class)
          .hasMessageContaining("remove");
      store.remove(child.id());
      store.remove(base.id());
      assertThat(store.size()).isZero();
      assertThatThrownBy(() -> store.remove(base.id()))
          .isInstanceOf(SnapshotException.NotFound.class);
    }
  }

  @Test
  void refusesAChildOfNothing() throws IOException {
    try (MetadataStore store = open()) {
      SnapshotRecord gone = Records.committed(store.nextId(), "gone");
      assertThatThrownBy(() -> store.put(Records.activeOn(store.nextId(), "child", gone)))
          .isInstanceOf(SnapshotException.NotFound.class);
    }
  }

  @Test
  void doesAllChangesOfAListOrNone() throws IOException {
    try (MetadataStore store = open()) {
      SnapshotRecord taken = Records.active(store.nextId(), "taken");
      store.put(taken);
      SnapshotRecord first = Records.active(store.nextId(), "first");
      SnapshotRecord clash = Records.active(store.nextId(), "taken");
      assertThatThrownBy(() -> store.apply(List.of(new Change.Put(first), new Change.Put(clash))))
          .isInstanceOf(SnapshotException.AlreadyExists.class);
      assertThat(store.find("first")).isEmpty();
      // The name becomes free within the list.
      store.apply(List.of(new Change.Remove(taken.id()), new Change.Put(clash)));
      assertThat(store.find("taken")).contains(clash);
    }
  }

  @Test
  void keepsEverythingAcrossACleanStop() throws IOException {
    List<SnapshotRecord> put = new ArrayList<>();
    try (MetadataStore store = open()) {
      for (int i = 0; i < 100; i++) {
        SnapshotRecord record =
            i == 0
                ? Records.indexed(store.nextId(), "base")
                : Records.activeOn(store.nextId(), "key " + i, put.getFirst());
        store.put(record);
        put.add(record);
      }
    }
    assertThat(directory.resolve(MetadataFile.CLEAN)).exists();
    try (MetadataStore store = open()) {
      assertThat(directory.resolve(MetadataFile.CLEAN)).doesNotExist();
      assertThat(Records.all(store)).containsExactlyElementsOf(put);
      assertThat(store.children(put.getFirst().id())).isEqualTo(99);
      assertThat(store.nextId()).isGreaterThan(put.getLast().id());
    }
  }

  @Test
  void neverTrustsTheIndexWithoutACleanStop() throws IOException {
    List<SnapshotRecord> put = new ArrayList<>();
    try (MetadataStore store = open()) {
      for (int i = 0; i < 100; i++) {
        String name = "key " + i;
        long id = store.nextId();
        put.add(i % 2 == 0 ? Records.active(id, name) : Records.indexed(id, name));
        store.put(put.getLast());
      }
    }
    Files.delete(directory.resolve(MetadataFile.CLEAN));
    for (String file : MetadataFile.INDEX_FILES) {
      Files.writeString(directory.resolve(file), "rubbish");
    }
    try (MetadataStore store = open()) {
      assertThat(Records.all(store)).containsExactlyElementsOf(put);
    }
  }

  @Test
  void givesNoFileToAnybodyElse() throws IOException {
    open().close();
    try (var files = Files.list(directory)) {
      assertThat(files)
          .isNotEmpty()
          .allSatisfy(
              file ->
                  assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                      .isEqualTo("rw-------"));
    }
  }

  @Test
  void writesCheckpointsAndDeletesOldJournals() throws IOException {
    Map<String, String> labels = Map.of("long", "x".repeat(4_000));
    SnapshotRecord last;
    try (MetadataStore store = open()) {
      SnapshotRecord record = Records.active(store.nextId(), "key");
      for (int i = 0; i < 1_000; i++) {
        record = Records.with(record, labels, i);
        store.put(record);
      }
      last = record;
    }
    try (var files = Files.list(directory)) {
      List<String> names = files.map(file -> file.getFileName().toString()).toList();
      assertThat(names).filteredOn(name -> name.startsWith("checkpoint-")).hasSizeLessThan(3);
      assertThat(names).filteredOn(name -> name.startsWith("journal-")).hasSizeLessThan(5);
      assertThat(names).doesNotContain("journal-1", "checkpoint-1");
    }
    Files.delete(directory.resolve(MetadataFile.CLEAN));
    try (MetadataStore store = open()) {
      assertThat(Records.all(store)).containsExactly(last);
    }
  }

  @Test
  void refusesNewSnapshotsWhenFullButNothingElse() throws IOException {
    try (MetadataStore store =
        MetadataStore.open(new LinuxDisk(), directory, SETTINGS.withEntriesMax(10))) {
      for (int i = 0; i < 10; i++) {
        store.put(Records.active(store.nextId(), "key " + i));
      }
      SnapshotRecord eleventh = Records.active(store.nextId(), "key 10");
      assertThatThrownBy(() -> store.put(eleventh))
          .isInstanceOf(SnapshotException.ResourceExhausted.class)
          .hasMessageContaining("10 snapshots");
      SnapshotRecord third = store.find("key 2").orElseThrow();
      store.put(Records.committed(third.id(), "committed"));
      store.remove(store.find("key 3").orElseThrow().id());
      store.put(eleventh);
      assertThat(store.size()).isEqualTo(10);
    }
  }

  @Test
  void takesRecordsOfTheGreatestSizeAndRefusesLargerOnes() throws IOException {
    MetadataSettings settings = new MetadataSettings(1_000, MetadataSettings.DEFAULT_JOURNAL_BYTES);
    String name = "n".repeat(RecordCodec.NAME_BYTES_MAX);
    try (MetadataStore store = MetadataStore.open(new LinuxDisk(), directory, settings)) {
      List<SnapshotRecord> put = new ArrayList<>();
      for (int i = 0; i < 15; i++) {
        SnapshotRecord large =
            Records.with(
                Records.active(store.nextId(), (char) ('a' + i) + name.substring(1)),
                Map.of("label", "v".repeat(200_000)),
                i);
        store.put(large);
        put.add(large);
      }
      assertThat(Records.all(store)).containsExactlyElementsOf(put);
      SnapshotRecord tooLarge =
          Records.with(put.getFirst(), Map.of("label", "v".repeat(300_000)), 1);
      assertThatThrownBy(() -> store.put(tooLarge))
          .isInstanceOf(SnapshotException.InvalidArgument.class)
          .hasMessageContaining(String.valueOf(RecordCodec.ENCODED_BYTES_MAX));
      assertThatThrownBy(() -> store.find(name + "x"))
          .isInstanceOf(SnapshotException.InvalidArgument.class);
      assertThatThrownBy(() -> store.put(Records.active(store.nextId(), "half \ud800 a pair")))
          .isInstanceOf(SnapshotException.InvalidArgument.class);
    }
    try (MetadataStore store = MetadataStore.open(new LinuxDisk(), directory, settings)) {
      assertThat(store.size()).isEqualTo(15);
    }
  }

  @Test
  void refusesEverythingOnceItIsClosed() throws IOException {
    MetadataStore store = open();
    SnapshotRecord record = Records.active(store.nextId(), "key");
    store.close();
    store.close();
    assertThatThrownBy(() -> store.put(record)).isInstanceOf(SnapshotException.Unavailable.class);
    assertThatThrownBy(() -> store.find("key")).isInstanceOf(SnapshotException.Unavailable.class);
  }

  @Test
  void visitsASnapshotOnceThoughItIsRenamedMeanwhile() throws IOException {
    try (MetadataStore store = open()) {
      for (int i = 0; i < 50; i++) {
        store.put(Records.active(store.nextId(), "key " + i));
      }
      List<Long> seen = new ArrayList<>();
      store.forEach(
          record -> {
            seen.add(record.id());
            // No lock is held: the visitor may even change the store.
            if (record.kind() == Kind.ACTIVE) {
              store.put(Records.committed(record.id(), "renamed " + record.id()));
            }
          });
      assertThat(seen).hasSize(50).doesNotHaveDuplicates();
      assertThat(Records.all(store)).allMatch(record -> record.kind() == Kind.COMMITTED);
    }
  }
}
