package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recovery of indexed layers at a start. */
final class LayerRecoveryTest {

  private static final MetadataSettings METADATA = new MetadataSettings(64, 64 << 10);
  private static final Digest DIFF_ID = Digest.ofHex("ab".repeat(32));
  private static final Digest INDEX = Digest.ofHex("cd".repeat(32));
  private static final Digest OTHER = Digest.ofHex("ef".repeat(32));

  @TempDir private Path temporary;
  private Path root = Path.of("");

  /**
   * Creates a layer with one index that a record names and one that none does, a layer without a
   * record, and the leftover of an ingest.
   */
  @BeforeEach
  void makeRoot() throws Exception {
    root = temporary.resolve("root");
    try (Root opened = Root.open(new UnsyncedDisk(), root);
        MetadataStore store =
            MetadataStore.open(new UnsyncedDisk(), opened.metadataPath(), METADATA)) {
      opened.createLayers();
      long id = store.nextId();
      Files.createDirectory(root.resolve("snapshots/" + id));
      store.put(
          new SnapshotRecord(
              id,
              Kind.COMMITTED,
              "layer",
              "",
              SnapshotRecord.NO_PARENT,
              Map.of(),
              Instant.EPOCH,
              Instant.EPOCH,
              null,
              new LayerForm.Indexed(DIFF_ID, INDEX)));
    }
    make(DIFF_ID.hex(), "tar", "index-" + INDEX.hex(), "index-" + OTHER.hex());
    make(OTHER.hex(), "tar", "index-" + INDEX.hex(), "blob-" + INDEX.hex());
    make("7.new", "tar", "index");
  }

  private void make(String directory, String... files) throws IOException {
    Path made = Files.createDirectory(root.resolve("layers").resolve(directory));
    for (String file : files) {
      Files.createFile(made.resolve(file));
    }
  }

  private EngineRoot open(Disk disk) throws Exception {
    EngineSettings defaults = EngineSettings.defaults(root);
    return EngineRoot.open(
        disk,
        new EngineSettings(
            root, DriverSetting.NATIVE, defaults.overlay(), 1, defaults.syncPolicy(), METADATA),
        InstantSource.system());
  }

  private List<String> names(String directory) throws IOException {
    try (Stream<Path> all = Files.list(root.resolve(directory))) {
      return List.copyOf(new TreeSet<>(all.map(each -> each.getFileName().toString()).toList()));
    }
  }

  @Test
  void onlyWhatRecordsNameIsKept() throws Exception {
    startAndCheck();
  }

  private void startAndCheck() throws Exception {
    try (EngineRoot engine = open(new UnsyncedDisk())) {
      engine.snapshotter().cleanup();
      assertThat(names("layers")).containsExactly(DIFF_ID.hex());
      assertThat(names("layers/" + DIFF_ID.hex())).containsExactly("index-" + INDEX.hex(), "tar");
      assertThat(names("trash")).isEmpty();
      assertThat(engine.snapshotter().stat("layer").kind()).isEqualTo(Kind.COMMITTED);
    }
  }

  @Test
  void aLayerWithoutItsTarOrItsIndexIsMissing() throws Exception {
    for (String file : List.of("tar", "index-" + INDEX.hex())) {
      Path path = root.resolve("layers").resolve(DIFF_ID.hex()).resolve(file);
      Files.delete(path);
      try (EngineRoot engine = open(new UnsyncedDisk())) {
        assertThatThrownBy(() -> engine.snapshotter().stat("layer"))
            .as(file)
            .isInstanceOf(SnapshotException.NotFound.class)
            .hasMessageContaining("is missing");
      }
      Files.createFile(path);
    }
  }

  @Test
  void whereNothingCanBeMovedForLackOfRoomTheRootIsServedAndTheNextStartDoesIt() throws Exception {
    DiskCalls calls = new DiskCalls(new UnsyncedDisk());
    calls.fail("rename", Errno.ENOSPC);
    try (EngineRoot engine = open(calls.disk())) {
      assertThat(engine.snapshotter().stat("layer").kind()).isEqualTo(Kind.COMMITTED);
    }
    assertThat(calls.count("rename")).isGreaterThanOrEqualTo(2);
    assertThat(names("layers")).hasSize(3);
    startAndCheck();
  }
}
