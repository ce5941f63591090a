package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
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
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Random layers, written through the mounts of the drivers, compared with the same changes to a
 * plain directory: the mounted trees must equal it in every compared detail.
 */
class LayeredTreesIT {

  private static final Map<String, String> NO_LABELS = Map.of();

  /** Access times are left out: copy-up changes them, and no layer contains them. */
  private static final Set<TreeManifest.Detail> DETAILS =
      Set.of(TreeManifest.Detail.DIRECTORY_TIMES);

  private static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();
  private static final Map<Place, EngineRoot> ROOTS = new HashMap<>();
  private static int names;

  /** The changes of a layer on top of those below. */
  record Layer(List<TreeChange> changes, TreePlan additions) {
    void write(Path top) throws Exception {
      TreeChange.apply(changes, top);
      additions.build(top);
    }
  }

  record Place(LoopFilesystem.Kind filesystem, DriverSetting driver) {}

  @AfterContainer
  static void unmount() {
    ROOTS.values().forEach(EngineRoot::close);
    ROOTS.clear();
    FILESYSTEMS.close();
  }

  @Tag("long")
  @Property(tries = 120, shrinking = ShrinkingMode.BOUNDED)
  void whatIsMountedIsWhatWasWrittenInManyTries(
      @ForAll("places") Place place, @ForAll("layers") List<Layer> layers) throws Exception {
    whatIsMountedIsWhatWasWritten(place, layers);
  }

  @Property(tries = 40, shrinking = ShrinkingMode.BOUNDED)
  void whatIsMountedIsWhatWasWritten(
      @ForAll("places") Place place, @ForAll("layers") List<Layer> layers) throws Exception {
    Snapshotter snapshots = root(place).snapshotter();
    Path model = FILESYSTEMS.of(place.filesystem()).createDirectory("model-");
    String parent = "";
    for (Layer layer : layers) {
      layer.write(model);
      List<String> expected = TreeManifest.of(model, DETAILS);

      String key = newName("active");
      try (KernelMount mount = mount(snapshots.prepare(key, parent, NO_LABELS))) {
        layer.write(mount.path());
        assertThat(TreeManifest.of(mount.path(), DETAILS)).isEqualTo(expected);
      }
      try (KernelMount again = mount(snapshots.mounts(key))) {
        assertThat(TreeManifest.of(again.path(), DETAILS)).isEqualTo(expected);
      }
      String name = newName("layer");
      snapshots.commit(name, key, "", NO_LABELS);
      String view = newName("view");
      try (KernelMount mount = mount(snapshots.view(view, name, NO_LABELS))) {
        assertThat(TreeManifest.of(mount.path(), DETAILS)).isEqualTo(expected);
      }
      snapshots.remove(view);
      parent = name;
    }
  }

  private static KernelMount mount(List<Mount> mounts) throws Exception {
    return KernelMount.of(mounts);
  }

  private static String newName(String role) {
    return role + "-" + names++;
  }

  private static EngineRoot root(Place place) throws Exception {
    EngineRoot open = ROOTS.get(place);
    if (open == null) {
      Path directory = FILESYSTEMS.of(place.filesystem()).createDirectory("root-");
      open = TestRoots.open(directory, place.driver(), TestRoots.PLAIN);
      ROOTS.put(place, open);
    }
    return open;
  }

  @Provide
  Arbitrary<Place> places() {
    return Combinators.combine(
            Arbitraries.of(LoopFilesystem.Kind.class),
            Arbitraries.of(DriverSetting.OVERLAY, DriverSetting.NATIVE))
        .as(Place::new);
  }

  @Provide
  Arbitrary<List<Layer>> layers() {
    return Combinators.combine(
            TreeChanges.privileged(), TreePlans.privileged().map(LayeredTreesIT::withoutWhiteouts))
        .as(Layer::new)
        .list()
        .ofMinSize(1)
        .ofMaxSize(4);
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
