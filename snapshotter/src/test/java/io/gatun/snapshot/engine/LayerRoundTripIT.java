package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.containerd.ContainerdApplier;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TreeChange;
import io.gatun.snapshot.fixture.TreeChanges;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fixture.TreePlan;
import io.gatun.snapshot.fixture.TreePlan.MakeNode;
import io.gatun.snapshot.fixture.TreePlans;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.pack.CollectedBlob;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Random changes of random trees, made through overlay mounts. Gatun and containerd's own differ
 * build layers from them, which are then unpacked and compared.
 */
class LayerRoundTripIT {

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final Set<TreeManifest.Detail> WITH_DIRECTORY_TIMES =
      Set.of(TreeManifest.Detail.DIRECTORY_TIMES);

  private static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();
  private static final Map<LoopFilesystem.Kind, Place> ROOTS = new HashMap<>();
  private static final ContainerdApplier CONTAINERD = startContainerd();
  private static int names;

  private record Place(EngineRoot root, LayerUnpacker unpacker) {}

  /** The changes on top of the layers below. */
  record Layer(List<TreeChange> changes, TreePlan additions) {
    void write(Path top) throws Exception {
      TreeChange.apply(changes, top);
      additions.build(top);
    }
  }

  private static ContainerdApplier startContainerd() {
    try {
      return ContainerdApplier.start();
    } catch (Exception e) {
      throw new AssertionError("this test needs Go and containerd's sources: run scripts/setup", e);
    }
  }

  @AfterContainer
  static void unmount() {
    CONTAINERD.close();
    ROOTS.values().forEach(place -> place.root().close());
    ROOTS.clear();
    FILESYSTEMS.close();
  }

  @Property(tries = 20, shrinking = ShrinkingMode.BOUNDED)
  void whatIsUnpackedIsWhatIsMounted(
      @ForAll LoopFilesystem.Kind filesystem, @ForAll("layers") List<Layer> layers)
      throws Exception {
    EngineRoot root = place(filesystem).root();
    Snapshotter snapshots = root.snapshotter();
    String parent = "";
    for (Layer layer : layers) {
      String key = newName("active");
      try (KernelMount mount = KernelMount.of(snapshots.prepare(key, parent, NO_LABELS))) {
        layer.write(mount.path());
      }
      List<Mount> left = snapshots.view(newName("left"), parent, NO_LABELS);
      byte[] tar = make(root, left, snapshots.mounts(key));
      List<String> mounted = manifest(snapshots.mounts(key));

      assertThat(make(root, left, snapshots.mounts(key))).isEqualTo(tar);
      assertUnpacksTo(mounted, filesystem, parent, tar);
      assertMeansWhatContainerdsDoes(filesystem, parent, tar, left, snapshots.mounts(key));

      String name = newName("layer");
      snapshots.commit(name, key, "", NO_LABELS);
      List<Mount> right = snapshots.view(newName("right"), name, NO_LABELS);
      assertThat(make(root, left, right)).isEqualTo(tar);
      parent = name;
    }
  }

  @Tag("long")
  @Property(tries = 150, shrinking = ShrinkingMode.BOUNDED)
  void whatIsUnpackedIsWhatIsMountedInManyTries(
      @ForAll LoopFilesystem.Kind filesystem, @ForAll("layers") List<Layer> layers)
      throws Exception {
    whatIsUnpackedIsWhatIsMounted(filesystem, layers);
  }

  private static byte[] make(EngineRoot root, List<Mount> left, List<Mount> right) {
    CollectedBlob blob = new CollectedBlob();
    PackedLayer made =
        root.builder()
            .make(
                left,
                right,
                new LayerFormat(Compression.NONE, Optional.empty()),
                blob,
                new Cancellation());
    assertThat(made.diffId()).isEqualTo(BytesBlob.digestOf(blob.bytes()));
    assertThat(made.blob()).isEqualTo(made.diffId());
    assertThat(made.blobBytes()).isEqualTo(blob.bytes().length);
    return blob.bytes();
  }

  /** Unpacks a layer on the parent, and once more with containerd's applier. */
  private static void assertUnpacksTo(
      List<String> mounted, LoopFilesystem.Kind filesystem, String parent, byte[] tar)
      throws Exception {
    List<Mount> unpacked = unpack(filesystem, parent, tar);
    assertThat(manifest(unpacked)).isEqualTo(mounted);

    Path work = FILESYSTEMS.of(filesystem).createDirectory("containerd-");
    Path file = Files.write(work.resolve("layer.tar"), tar);
    Path theirs = Files.createDirectory(work.resolve("theirs"));
    Optional<String> failure =
        parent.isEmpty()
            ? CONTAINERD.applyToCopy(theirs, file)
            : CONTAINERD.applyToOverlay(theirs, file, List.of());
    assertThat(failure).isEmpty();
    assertThat(lines(theirs)).isEqualTo(lines(ownFiles(unpacked)));
  }

  /**
   * The layers of containerd have times in whole seconds and no user attributes, and leave out
   * unchanged directories. They also leave out a file that replaced an equal one, which may have
   * had other names: after the unpack it still has them, so the names are compared with those in
   * the mount.
   */
  private static void assertMeansWhatContainerdsDoes(
      LoopFilesystem.Kind filesystem,
      String parent,
      byte[] tar,
      List<Mount> left,
      List<Mount> right)
      throws Exception {
    Path file = FILESYSTEMS.of(filesystem).createDirectory("diff-").resolve("layer.tar");
    try (KernelMount lower = KernelMount.of(left);
        KernelMount upper = KernelMount.of(right)) {
      assertThat(CONTAINERD.diff(lower.path(), upper.path(), file)).isEmpty();
    }
    List<String> theirs = manifest(unpack(filesystem, parent, Files.readAllBytes(file)));
    List<String> ours = manifest(unpack(filesystem, parent, tar));
    assertThat(ours.stream().map(LayerRoundTripIT::coarse))
        .containsExactlyElementsOf(theirs.stream().map(LayerRoundTripIT::coarse).toList());
  }

  private static List<Mount> unpack(LoopFilesystem.Kind filesystem, String parent, byte[] tar)
      throws Exception {
    String key = newName("unpacked");
    Place place = place(filesystem);
    List<Mount> mounts = place.root().snapshotter().prepare(key, parent, NO_LABELS);
    place
        .unpacker()
        .find(mounts)
        .unpack(new BytesBlob(tar), false, NextLayerHint.UNKNOWN, new Cancellation());
    return mounts;
  }

  private static Path ownFiles(List<Mount> mounts) {
    Mount mount = mounts.getFirst();
    return mount.options().stream()
        .filter(option -> option.startsWith("upperdir="))
        .map(option -> Path.of(option.substring("upperdir=".length())))
        .findFirst()
        .orElse(Path.of(mount.source()));
  }

  private static List<String> manifest(List<Mount> mounts) throws Exception {
    try (KernelMount mount = KernelMount.of(mounts)) {
      return lines(mount.path());
    }
  }

  /**
   * {@return the lines without details that a layer cannot carry} Those are the attributes of the
   * top, {@code trusted} and {@code security} attributes, and times before 1970. The times of
   * whiteouts do not matter.
   */
  private static List<String> lines(Path top) throws Exception {
    return TreeManifest.of(top, WITH_DIRECTORY_TIMES).stream()
        .filter(line -> !line.startsWith(". "))
        .map(line -> line.replaceAll(" (trusted|security)\\.[^ ]*", ""))
        .map(line -> line.replaceAll(" mtime=-\\d+\\.\\d+", " mtime=0.000000000"))
        .map(line -> line.endsWith(" rdev=0:0") ? line.replaceAll(" mtime=[0-9.]+", "") : line)
        .toList();
  }

  private static String coarse(String line) {
    String plain = line.replaceAll(" user\\.[^ ]*", "").replaceAll(" links=.*", "");
    return line.contains(" type=DIRECTORY ")
        ? plain.replaceAll(" mtime=[0-9.]+", "")
        : plain.replaceAll(" mtime=(\\d+)\\.\\d+", " mtime=$1");
  }

  private static String newName(String role) {
    return role + "-" + names++;
  }

  private static Place place(LoopFilesystem.Kind filesystem) throws Exception {
    Place open = ROOTS.get(filesystem);
    if (open == null) {
      Path directory = FILESYSTEMS.of(filesystem).createDirectory("root-");
      EngineRoot root = TestRoots.open(directory, DriverSetting.OVERLAY, TestRoots.PLAIN);
      open = new Place(root, root.unpacker(1));
      ROOTS.put(filesystem, open);
    }
    return open;
  }

  @Provide
  Arbitrary<List<Layer>> layers() {
    return Combinators.combine(
            TreeChanges.privileged(),
            TreePlans.privileged().map(LayerRoundTripIT::withoutWhiteouts))
        .as(Layer::new)
        .list()
        .ofMinSize(1)
        .ofMaxSize(3);
  }

  /** Overlay takes a device 0:0 for a whiteout, and therefore refuses to create one. */
  private static TreePlan withoutWhiteouts(TreePlan plan) {
    return new TreePlan(plan.steps().stream().filter(step -> !isWhiteout(step)).toList());
  }

  private static boolean isWhiteout(TreePlan.Step step) {
    return step instanceof MakeNode node
        && node.type() == NodeType.CHARACTER_DEVICE
        && node.major() == 0
        && node.minor() == 0;
  }
}
