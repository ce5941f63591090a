package io.gatun.snapshot.engine;

import static io.gatun.snapshot.engine.TestEngine.NO_LABELS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.Filling;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Indexed layers on filesystems without room for them. */
final class FullFilesystemOfTarsIT {

  private static final int MIB = 1 << 20;
  private static final int BLOCK_BYTES = 4096;

  /** More than the part that is always written through the page cache. */
  private static final int LAYER_BYTES = 24 * MIB;

  private static final int LEFT_FOR_BEGINNING_BYTES = 2 * MIB;
  private static final int LEFT_FOR_DIRECT_WRITES_BYTES = 14 * MIB;
  private static final int LEFT_FOR_TAR_BYTES = 34 * MIB;

  private static final byte[] BASE =
      TarBuilder.pax().owner(7, 8).directory("opt", 0700).file("opt/below", 0644, "b").finish();

  private static final byte[] CONTENT = content();

  private static final byte[] LARGE = TarBuilder.pax().file("opt/large", 0644, CONTENT).finish();

  /** A layer that cannot be indexed, which shows only after the whole tar was written. */
  private static final byte[] NOT_INDEXABLE =
      TarBuilder.pax()
          .file("opt/large", 0644, CONTENT)
          .sparseFile(
              TarBuilder.Sparse.PAX_0_1,
              "opt/sparse",
              0644,
              10_000,
              List.of(new TarBuilder.Part(100, new byte[12])))
          .finish();

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private Path root = Path.of("");

  private static byte[] content() {
    byte[] content = new byte[LAYER_BYTES];
    new Random(1).nextBytes(content);
    return content;
  }

  private EngineRoot open(LoopFilesystem.Kind kind, OverlaySettings overlay) throws Exception {
    root = FILESYSTEMS.of(kind).createDirectory("full").resolve("root");
    return EngineRoot.open(
        new LinuxDisk(),
        TestRoots.settings(root, DriverSetting.OVERLAY, overlay).withLayers(LayerSetting.INDEXED),
        InstantSource.system());
  }

  @AfterEach
  void detachLayers() throws Exception {
    KernelMounts.detachAll(root);
  }

  private static String extraction(int layer) {
    return "k8s.io/%d/extract-123456789-abcd sha256:%02d".formatted(layer, layer);
  }

  private static void apply(EngineRoot engine, byte[] layer, List<Mount> mounts) {
    engine
        .unpacker(2)
        .find(mounts)
        .unpack(new BytesBlob(layer), false, NextLayerHint.UNKNOWN, new Cancellation());
  }

  private static void unpackBase(EngineRoot engine) {
    apply(engine, BASE, engine.snapshotter().prepare(extraction(1), "", NO_LABELS));
    engine.snapshotter().commit("base", extraction(1), "", NO_LABELS);
  }

  private static void assertShows(EngineRoot engine, String name) throws Exception {
    try (KernelMount view = KernelMount.of(engine.snapshotter().view("view", name, NO_LABELS))) {
      assertThat(view.path().resolve("opt/below")).hasContent("b");
      assertThat(view.path().resolve("opt/large")).hasBinaryContent(CONTENT);
    }
    engine.snapshotter().remove("view");
    // Waits until all removed snapshots are deleted.
    engine.snapshotter().cleanup();
  }

  private void assertSound() throws Exception {
    KernelMounts.detachAll(root);
    assertThat(RootCheck.of(root).findings())
        .filteredOn(finding -> !isBlockOfExtents(finding))
        .isEmpty();
    assertThat(TestEngine.names(root.resolve("trash"))).isEmpty();
  }

  /**
   * On a full disk, ext4 may scatter a file over so many extents that their list takes a block. It
   * adds this block at writeback, after the usage was counted.
   */
  private static boolean isBlockOfExtents(RootFinding finding) {
    return finding instanceof RootFinding.WrongUsage wrong
        && wrong.counted().inodes() == wrong.recorded().inodes()
        && wrong.counted().sizeBytes() == wrong.recorded().sizeBytes() + BLOCK_BYTES;
  }

  private Set<String> kept(byte[] layer) {
    return TestEngine.names(root.resolve("layers").resolve(BytesBlob.digestOf(layer).hex()));
  }

  static Stream<Arguments> roomThatIsNotEnough() {
    return Stream.of(
        Arguments.of(LoopFilesystem.Kind.XFS, 0, LARGE),
        Arguments.of(LoopFilesystem.Kind.EXT4, LEFT_FOR_BEGINNING_BYTES, LARGE),
        Arguments.of(LoopFilesystem.Kind.XFS, LEFT_FOR_DIRECT_WRITES_BYTES, LARGE),
        Arguments.of(LoopFilesystem.Kind.EXT4, LEFT_FOR_TAR_BYTES, NOT_INDEXABLE));
  }

  @ParameterizedTest
  @MethodSource("roomThatIsNotEnough")
  void aLayerThatFindsNoRoomLeavesNothing(LoopFilesystem.Kind kind, int leftBytes, byte[] layer)
      throws Exception {
    try (EngineRoot engine = open(kind, TestRoots.PLAIN)) {
      unpackBase(engine);
      List<Mount> mounts = engine.snapshotter().prepare(extraction(2), "base", NO_LABELS);
      Set<String> before = TestEngine.names(root.resolve("layers"));
      try (Filling _ = Filling.leaving(FILESYSTEMS.of(kind).root(), leftBytes)) {
        assertThatThrownBy(() -> apply(engine, layer, mounts))
            .isInstanceOf(SnapshotException.ResourceExhausted.class)
            .hasMessageContaining("ENOSPC")
            .hasMessageContaining("layer " + BytesBlob.digestOf(layer));
        assertThat(TestEngine.names(root.resolve("layers"))).isEqualTo(before);
        assertThat(root.resolve("snapshots/2/fs")).isEmptyDirectory();
      }
      apply(engine, layer, mounts);
      engine.snapshotter().commit("second", extraction(2), "", NO_LABELS);
      assertShows(engine, "second");
    }
    assertSound();
  }

  /** Everything but the record is on disk, and the blocks of the journal are allocated. */
  @ParameterizedTest
  @EnumSource(names = {"EXT4", "XFS"})
  void aLayerThatIsThereIsCommittedWithoutRoom(LoopFilesystem.Kind kind) throws Exception {
    try (EngineRoot engine = open(kind, TestRoots.PLAIN)) {
      unpackBase(engine);
      apply(engine, LARGE, engine.snapshotter().prepare(extraction(2), "base", NO_LABELS));
      try (Filling _ = Filling.of(FILESYSTEMS.of(kind).root())) {
        engine.snapshotter().commit("second", extraction(2), "", NO_LABELS);
      }
      assertShows(engine, "second");
    }
    assertSound();
  }

  /**
   * On a parent whose attributes implicit directories inherit, the commit has to build an index.
   */
  @ParameterizedTest
  @EnumSource(names = {"EXT4", "XFS"})
  void aCommitThatFindsNoRoomForAnIndexLeavesTheLayerAsItIs(LoopFilesystem.Kind kind)
      throws Exception {
    try (EngineRoot engine = open(kind, TestRoots.REBASING)) {
      unpackBase(engine);
      apply(engine, LARGE, engine.snapshotter().prepare(extraction(2), "", NO_LABELS));
      Set<String> layers = TestEngine.names(root.resolve("layers"));
      Set<String> before = kept(LARGE);
      try (Filling _ = Filling.of(FILESYSTEMS.of(kind).root())) {
        assertThatThrownBy(
                () -> engine.snapshotter().commit("second", extraction(2), "base", NO_LABELS))
            .isInstanceOf(SnapshotException.ResourceExhausted.class)
            .hasMessageContaining("ENOSPC")
            .hasMessageContaining(extraction(2));
        assertThat(TestEngine.names(root.resolve("layers"))).isEqualTo(layers);
        assertThat(kept(LARGE)).isEqualTo(before);
      }
      engine.snapshotter().commit("second", extraction(2), "base", NO_LABELS);
      assertShows(engine, "second");
    }
    assertSound();
  }
}
