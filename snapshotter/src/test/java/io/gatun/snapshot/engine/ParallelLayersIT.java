package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.containerd.ContainerdApplier;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: layers that are unpacked in parallel without parents, and rebased by Commit, equal in every
 * attribute the same layers unpacked one on top of the other. Method: layers with implicit
 * directories, above layers that give those directories unusual attributes, in the ways of
 * unpackers of containerd 2.2 and of older ones; unpacked by Gatun, and by containerd's own differ.
 */
class ParallelLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final byte[] ONE = "1".getBytes(StandardCharsets.US_ASCII);
  private static final String SYNC = "syncFilesystem";
  private static final Set<TreeManifest.Detail> LASTING = Set.of();
  private static final Set<TreeManifest.Detail> ALL = EnumSet.allOf(TreeManifest.Detail.class);

  /** Layers that both differs accept. */
  private static final List<byte[]> LAYERS =
      List.of(
          TarBuilder.pax()
              .modified(7)
              .owner(5, 6)
              .xattr("user.a", ONE)
              .directory("srv", 02750)
              .owner(8, 9)
              .directory("srv/data", 01777)
              .owner(0, 0)
              .directory("opt", 0711)
              .xattr("user.b", ONE)
              .directory("opt/app", 0700)
              .file("opt/app/old", 0644, "old")
              .file("opt/gone", 0644, "gone")
              .directory("usr", 0755)
              .directory("usr/lib", 0711)
              .symbolicLink("lib", "/usr/lib")
              .file("plain", 0644, "plain")
              .finish(),
          TarBuilder.pax()
              .modified(11)
              .file("srv/data/f", 0644, "one")
              .file("srv/new/deep/f", 0600, "two")
              .whiteout("opt/gone")
              .file("opt/app/x", 0755, "three")
              .file("lib/so", 0644, "four")
              .file("own/f", 0644, "five")
              .finish(),
          TarBuilder.pax()
              .modified(13)
              .file("srv/new/g", 0644, "six")
              .opaque("opt/app")
              .file("own/g", 0644, "seven")
              .directory("named", 0755)
              .file("named/f", 0644, "eight")
              .finish());

  /** Also a layer that containerd refuses or unpacks differently. */
  private static final List<byte[]> LAYERS_OF_GATUN =
      List.of(
          LAYERS.get(0),
          LAYERS.get(1),
          LAYERS.get(2),
          TarBuilder.pax()
              .modified(17)
              .file("opt/app/y", 0644, "y")
              .directory("opt/app", 0755)
              .whiteout("srv")
              .file("srv/again", 0644, "again")
              .file("plain/x", 0644, "below a file")
              .finish());

  private final Map<EngineRoot, LayerUnpacker> unpackers = new ConcurrentHashMap<>();
  private final DiskCalls calls = new DiskCalls(new LinuxDisk());

  @FunctionalInterface
  private interface Differ {
    void apply(EngineRoot root, List<Mount> mounts, byte[] tar) throws Exception;
  }

  private void gatun(EngineRoot root, List<Mount> mounts, byte[] tar) {
    unpackers
        .computeIfAbsent(root, each -> each.unpacker(LAYERS_OF_GATUN.size()))
        .find(mounts)
        .unpack(new BytesBlob(tar), false, NextLayerHint.UNKNOWN, new Cancellation());
  }

  /** Like the walking differ, finds the directories in the options of an overlay mount. */
  private static Differ walking(ContainerdApplier containerd, Path directory) {
    return (_, mounts, tar) -> {
      Mount mount = mounts.getFirst();
      Path file = Files.write(Files.createTempFile(directory, "layer", ".tar"), tar);
      synchronized (containerd) {
        if (mount.type().equals("overlay")) {
          List<Path> lowers = new ArrayList<>();
          for (String lower : WalkingDiffer.option(mount, "lowerdir=").toString().split(":", -1)) {
            lowers.add(Path.of(lower));
          }
          assertThat(
                  containerd.applyToOverlay(WalkingDiffer.option(mount, "upperdir="), file, lowers))
              .isEmpty();
        } else {
          assertThat(containerd.applyToCopy(Path.of(mount.source()), file)).isEmpty();
        }
      }
    };
  }

  private EngineRoot open(Path directory, OverlaySettings overlay) throws Exception {
    return EngineRoot.open(
        calls.disk(),
        TestRoots.settings(directory, DriverSetting.OVERLAY, overlay),
        InstantSource.system());
  }

  private static String extraction(int layer) {
    return "k8s.io/%d/extract-123456789-ab%d sha256:0%d".formatted(layer + 1, layer, layer);
  }

  private static void unpackInOrder(EngineRoot root, List<byte[]> layers, Differ differ)
      throws Exception {
    Snapshotter snapshots = root.snapshotter();
    String parent = "";
    for (int i = 0; i < layers.size(); i++) {
      differ.apply(root, snapshots.prepare(extraction(i), parent, NO_LABELS), layers.get(i));
      snapshots.commit("chain-" + i, extraction(i), "", NO_LABELS);
      parent = "chain-" + i;
    }
  }

  private static void applyInParallel(EngineRoot root, List<byte[]> layers, Differ differ)
      throws Exception {
    Snapshotter snapshots = root.snapshotter();
    try (ExecutorService unpackers = Executors.newFixedThreadPool(layers.size())) {
      List<Callable<Void>> all = new ArrayList<>();
      // Snapshots get the same ids, and thus the same directories, as in the other root.
      for (int i = 0; i < layers.size(); i++) {
        List<Mount> mounts = snapshots.prepare(extraction(i), "", NO_LABELS);
        byte[] tar = layers.get(i);
        all.add(
            () -> {
              differ.apply(root, mounts, tar);
              return null;
            });
      }
      for (Future<Void> each : unpackers.invokeAll(all)) {
        each.get();
      }
    }
  }

  private static void commitInOrder(EngineRoot root, int count) {
    String parent = "";
    for (int i = 0; i < count; i++) {
      root.snapshotter().commit("chain-" + i, extraction(i), parent, NO_LABELS);
      parent = "chain-" + i;
    }
  }

  /** {@return the lines of each layer by itself, and of all together} */
  private static List<String> manifest(
      EngineRoot root, Path directory, int count, Set<TreeManifest.Detail> details)
      throws Exception {
    List<String> names = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      names.add("chain-" + i);
      files.add(directory.resolve("snapshots/%d/fs".formatted(i + 1)));
    }
    List<String> lines =
        new ArrayList<>(CommittedLayers.apart(root.snapshotter(), names, files, details));
    lines.addAll(CommittedLayers.together(root.snapshotter(), names.getLast(), details));
    return lines;
  }

  private List<String> expected(
      Path directory, List<byte[]> layers, Differ differ, Set<TreeManifest.Detail> details)
      throws Exception {
    try (EngineRoot root = open(directory.resolve("in-order"), TestRoots.PLAIN)) {
      unpackInOrder(root, layers, differ);
      return manifest(root, directory.resolve("in-order"), layers.size(), details);
    }
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void layersOfGatunAreThoseUnpackedInOrder(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("parallel-");
    List<byte[]> layers = LAYERS_OF_GATUN;
    List<String> expected = expected(directory, layers, this::gatun, ALL);
    assertThat(expected)
        .anyMatch(
            line -> line.matches("layer 1: srv type=DIRECTORY mode=2750 uid=5 gid=6 mtime=7.*"))
        .anyMatch(line -> line.startsWith("layer 1: srv/new type=DIRECTORY mode=755 uid=0 gid=6"));
    Path parallel = directory.resolve("parallel");
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      applyInParallel(root, layers, this::gatun);
      int syncs = calls.count(SYNC);
      commitInOrder(root, layers.size());
      assertThat(calls.count(SYNC)).isEqualTo(syncs);
      assertThat(manifest(root, parallel, layers.size(), ALL)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void layersOfContainerdAreThoseUnpackedInOrder(LoopFilesystem.Kind kind) throws Exception {
    Path directory = FILESYSTEMS.of(kind).createDirectory("parallel-");
    try (ContainerdApplier containerd = ContainerdApplier.start()) {
      Differ walking = walking(containerd, directory);
      List<String> expected = expected(directory, LAYERS, walking, LASTING);
      assertThat(expected)
          .anyMatch(line -> line.matches("layer 1: srv type=DIRECTORY mode=2750 uid=5 gid=6 .*"))
          .anyMatch(
              line -> line.startsWith("layer 1: srv/new type=DIRECTORY mode=755 uid=0 gid=6"));
      Path parallel = directory.resolve("parallel");
      try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
        applyInParallel(root, LAYERS, walking);
        commitInOrder(root, LAYERS.size());
        assertThat(manifest(root, parallel, LAYERS.size(), LASTING)).isEqualTo(expected);
      }
    }
  }

  @Test
  void aRestartBetweenApplyAndCommitChangesNothing() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("parallel-");
    List<byte[]> layers = LAYERS_OF_GATUN;
    List<String> expected = expected(directory, layers, this::gatun, LASTING);
    Path parallel = directory.resolve("parallel");
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      applyInParallel(root, layers, this::gatun);
    }
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      int syncs = calls.count(SYNC);
      commitInOrder(root, layers.size());
      assertThat(calls.count(SYNC)).isEqualTo(syncs);
      assertThat(manifest(root, parallel, layers.size(), LASTING)).isEqualTo(expected);
      for (int i = 1; i <= layers.size(); i++) {
        assertThat(TestEngine.names(parallel.resolve("snapshots/" + i)))
            .doesNotContain("applied", "unpacking");
      }
    }
  }

  @Test
  void whoAsksForTheMountsIsTakenForAWriterAlsoAfterARestart() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("parallel-");
    List<byte[]> layers = LAYERS_OF_GATUN;
    List<String> expected = expected(directory, layers, this::gatun, LASTING);
    Path parallel = directory.resolve("parallel");
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      applyInParallel(root, layers, this::gatun);
      root.snapshotter().mounts(extraction(0));
    }
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      root.snapshotter().mounts(extraction(1));
      int syncs = calls.count(SYNC);
      commitInOrder(root, layers.size());
      assertThat(calls.count(SYNC)).isEqualTo(syncs + 2);
      assertThat(manifest(root, parallel, layers.size(), LASTING)).isEqualTo(expected);
    }
  }

  @Test
  void aCommitThatFailedMayBeRepeatedWithTheSameParentAlone() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("parallel-");
    List<byte[]> layers = LAYERS;
    List<String> expected = expected(directory, layers, this::gatun, LASTING);
    Path parallel = directory.resolve("parallel");
    String key = extraction(1);
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      applyInParallel(root, layers, this::gatun);
      Snapshotter snapshots = root.snapshotter();
      snapshots.commit("chain-0", extraction(0), "", NO_LABELS);
      calls.fail("setXattr", Errno.EIO);
      int before = calls.count("setXattr");
      assertThatThrownBy(() -> snapshots.commit("chain-1", key, "chain-0", NO_LABELS))
          .isInstanceOf(SnapshotException.StorageFailure.class)
          .hasMessageContaining("EIO");
      assertThat(calls.count("setXattr")).isGreaterThan(before);
      calls.succeed("setXattr");
      String other = "k8s.io/9/other";
      gatun(root, snapshots.prepare(other, "", NO_LABELS), LAYERS.get(0));
      snapshots.commit("other", other, "", NO_LABELS);
    }
    try (EngineRoot root = open(parallel, TestRoots.REBASING)) {
      Snapshotter snapshots = root.snapshotter();
      for (String parent : List.of("", "other")) {
        assertThatThrownBy(() -> snapshots.commit("chain-1", key, parent, NO_LABELS))
            .isInstanceOf(SnapshotException.FailedPrecondition.class)
            .hasMessageContaining("has inherited from it: remove it");
      }
      snapshots.commit("chain-1", key, "chain-0", NO_LABELS);
      snapshots.commit("chain-2", extraction(2), "chain-1", NO_LABELS);
      assertThat(manifest(root, parallel, layers.size(), LASTING)).isEqualTo(expected);
    }
  }

  @Test
  void directoriesThatCannotBeSyncedKeepTheLayerFromBeingCommitted() throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("parallel-");
    try (EngineRoot root = open(directory, TestRoots.REBASING)) {
      applyInParallel(root, LAYERS, this::gatun);
      Snapshotter snapshots = root.snapshotter();
      snapshots.commit("chain-0", extraction(0), "", NO_LABELS);
      calls.fail("sync", Errno.EIO);
      assertThatThrownBy(() -> snapshots.commit("chain-1", extraction(1), "chain-0", NO_LABELS))
          .isInstanceOf(SnapshotException.StorageFailure.class);
      calls.succeed("sync");
    }
  }
}
