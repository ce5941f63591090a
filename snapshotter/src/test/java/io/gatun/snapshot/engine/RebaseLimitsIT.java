package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Layers with many implicit directories, on a parent that Commit chooses. */
class RebaseLimitsIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();

  /** More than stay in memory until a commit, and fewer than a record can contain. */
  private static final int MANY = 6_000;

  /** More than a record can contain: names of a hundred bytes without common prefixes. */
  private static final int TOO_MANY = 12_000;

  private static final String LONG = "x".repeat(95);

  private EngineRoot root;
  private Snapshotter snapshots;
  private LayerUnpacker unpacker;
  private int keys;

  @BeforeEach
  void open() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("root-");
    root = TestRoots.open(directory, DriverSetting.OVERLAY, TestRoots.REBASING);
    snapshots = root.snapshotter();
    unpacker = root.unpacker(1);
  }

  @AfterEach
  void close() {
    root.close();
  }

  @Test
  void moreThanStayInMemoryInheritAsIfUnpackedInOrder() throws Exception {
    TarBuilder base = TarBuilder.pax();
    TarBuilder layer = TarBuilder.pax();
    for (int i = 0; i < MANY; i++) {
      String name = "directory-%05d".formatted(i);
      base.owner(i, 7).modified(i).directory(name, 0700);
      layer.file(name + "/f", 0644, new byte[0]);
    }
    String below = extract("", base);
    snapshots.commit("base", below, "", NO_LABELS);
    String above = newKey();
    Path files = CommittedLayers.files(extract(above, "", layer));
    snapshots.commit("layer", above, "base", NO_LABELS);
    for (int i = 0; i < MANY; i++) {
      Path directory = files.resolve("directory-%05d".formatted(i));
      assertThat(Files.readAttributes(directory, "unix:uid,gid,mode"))
          .containsEntry("uid", i)
          .containsEntry("gid", 7)
          .containsEntry("mode", 040700);
      assertThat(Files.getLastModifiedTime(directory).toInstant().getEpochSecond()).isEqualTo(i);
    }
  }

  @Test
  void moreThanCanBeKeptAreRefusedOnAParentThatComesLater() throws Exception {
    snapshots.commit("base", extract("", TarBuilder.pax().directory("0", 0700)), "", NO_LABELS);
    String alone = extract("", tooMany());
    assertRefused(alone);
    snapshots.remove(alone);

    String onParent = extract("base", tooMany());
    snapshots.commit("layer", onParent, "", NO_LABELS);
    String first = extract("", tooMany());
    snapshots.commit("first", first, "", NO_LABELS);
    assertThat(snapshots.stat("layer").parent()).isEqualTo("base");
    assertThat(snapshots.usage("first").inodes()).isEqualTo(2L * TOO_MANY + 1);
  }

  @Test
  void moreThanCanBeKeptAreRefusedWhoeverHasUnpackedThem() throws Exception {
    snapshots.commit("base", extract("", TarBuilder.pax().directory("0", 0700)), "", NO_LABELS);
    String key = newKey();
    Path files = CommittedLayers.files(snapshots.prepare(key, "", NO_LABELS));
    for (int i = 0; i < TOO_MANY; i++) {
      Files.createDirectory(files.resolve("%05d%s".formatted(i, LONG)));
    }
    assertRefused(key);
  }

  private void assertRefused(String key) {
    assertThatThrownBy(() -> snapshots.commit("refused", key, "base", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("commit " + key)
        .hasMessageContaining("more directories that it does not name")
        .hasMessageContaining("unpack it on its parent");
    assertThat(snapshots.stat(key).kind()).isEqualTo(Kind.ACTIVE);
  }

  private static TarBuilder tooMany() {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < TOO_MANY; i++) {
      tar.file("%05d%s/f".formatted(i, LONG), 0644, new byte[0]);
    }
    return tar;
  }

  /** {@return the key of a new snapshot with a layer} */
  private String extract(String parent, TarBuilder layer) {
    String key = newKey();
    extract(key, parent, layer);
    return key;
  }

  private List<Mount> extract(String key, String parent, TarBuilder layer) {
    List<Mount> mounts = snapshots.prepare(key, parent, NO_LABELS);
    var _ =
        unpacker
            .find(mounts)
            .unpack(
                new BytesBlob(layer.finish()), false, NextLayerHint.UNKNOWN, new Cancellation());
    return mounts;
  }

  private String newKey() {
    int number = keys++;
    return "k8s.io/%d/extract-123456789-abcd sha256:%d".formatted(number, number);
  }
}
