package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.layer.pack.CollectedBlob;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Building layers from snapshots, including snapshots that change meanwhile. */
class LayerBuildingIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final LayerFormat PLAIN = new LayerFormat(Compression.NONE, Optional.empty());

  @SuppressWarnings("NullAway.Init") // by open
  private EngineRoot root;

  @SuppressWarnings("NullAway.Init") // by open
  private Snapshotter snapshots;

  private void open(DriverSetting driver, OverlaySettings settings) throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("root-");
    root = TestRoots.open(directory, driver, settings);
    snapshots = root.snapshotter();
  }

  private void open() throws Exception {
    open(DriverSetting.OVERLAY, TestRoots.PLAIN);
    commit("one", "");
    commit("two", "one");
    commit("three", "two");
  }

  @AfterEach
  void close() {
    root.close();
  }

  /** Commits a snapshot with one file, which has the name of the snapshot. */
  private void commit(String name, String parent) throws Exception {
    prepare("making " + name, parent, name);
    snapshots.commit(name, "making " + name, "", NO_LABELS);
  }

  private List<Mount> prepare(String key, String parent, String file) throws Exception {
    List<Mount> mounts = snapshots.prepare(key, parent, NO_LABELS);
    try (KernelMount mount = KernelMount.of(mounts)) {
      Files.writeString(mount.path().resolve(file), file);
    }
    return mounts;
  }

  private List<Mount> view(String key, String parent) {
    return snapshots.view(key, parent, NO_LABELS);
  }

  private PackedLayer make(List<Mount> left, List<Mount> right) {
    return root.builder().make(left, right, PLAIN, new CollectedBlob(), new Cancellation());
  }

  private void assertUnsupported(String message, List<Mount> left, List<Mount> right) {
    CollectedBlob blob = new CollectedBlob();
    assertThatThrownBy(() -> root.builder().make(left, right, PLAIN, blob, new Cancellation()))
        .isInstanceOf(SnapshotException.Unsupported.class)
        .hasMessageContaining(message);
    assertThat(blob.bytes()).isEmpty();
  }

  @Test
  void activesAndCommittedSnapshotsAreRecognisedByTheirMountsAtAnyDepth() throws Exception {
    open();
    String parent = "";
    for (String name : List.of("one", "two", "three")) {
      List<Mount> left = view("left " + name, parent);
      assertThat(root.builder().name(view("right " + name, name))).isEqualTo(name);
      assertThat(make(left, snapshots.mounts("right " + name)).entries()).isEqualTo(1);
      List<Mount> active = prepare("active " + name, parent, "file");
      assertThat(root.builder().name(active)).isEqualTo("active " + name);
      assertThat(make(left, active).entries()).isEqualTo(1);
      parent = name;
    }
  }

  @Test
  void snapshotIsNoChangeOfItself() throws Exception {
    open();
    for (String name : List.of("", "one", "two")) {
      List<Mount> mounts = view("view of " + name, name);
      assertThat(make(mounts, mounts).entries()).isZero();
    }
    List<Mount> active = prepare("active", "two", "file");
    assertThat(make(active, active).entries()).isZero();
  }

  @Test
  void whatIsNoPairOfParentAndChildIsLeftToOthers() throws Exception {
    open();
    commit("other", "one");
    List<Mount> one = view("1", "one");
    List<Mount> two = view("2", "two");
    List<Mount> three = view("3", "three");
    List<Mount> other = view("4", "other");
    List<Mount> nothing = view("5", "");
    assertUnsupported("diff three: one is not its parent", one, three);
    assertUnsupported("diff two: three is not its parent", three, two);
    assertUnsupported("diff other: two is not its parent", two, other);
    assertUnsupported("diff two: 5 is not its parent", nothing, two);
    assertUnsupported("diff 5: one is not its parent", one, nothing);
  }

  @Test
  void mountsThatAreNotOursAreLeftToOthers() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> right = view("right", "three");
    Mount mount = right.getFirst();
    List<List<Mount>> others = new ArrayList<>();
    others.add(List.of());
    others.add(List.of(mount, mount));
    others.add(List.of(new Mount(mount.type(), mount.source(), "/below", mount.options())));
    others.add(List.of(Mount.ofRoot("bind", "/elsewhere/snapshots/3/fs", List.of("ro", "rbind"))));
    others.add(List.of(Mount.ofRoot("overlay", "overlay", List.of("lowerdir=/a:/b"))));
    List<String> shortened = new ArrayList<>(mount.options());
    shortened.removeLast();
    others.add(List.of(Mount.ofRoot("overlay", "overlay", shortened)));
    for (List<Mount> each : others) {
      assertUnsupported("mounts", left, each);
      assertUnsupported("mounts", each, right);
    }
  }

  @Test
  void nativeDriverIsLeftToOthers() throws Exception {
    open(DriverSetting.NATIVE, TestRoots.PLAIN);
    assertUnsupported("the driver native", view("left", ""), prepare("a", "", "file"));
  }

  @Test
  void whatTheKernelHasOnlyRenamedIsLeftToOthers() throws Exception {
    open(DriverSetting.OVERLAY, TestRoots.withMountOptions("redirect_dir=on", "metacopy=on"));
    try (KernelMount mount = KernelMount.of(snapshots.prepare("a", "", NO_LABELS))) {
      Files.createDirectories(mount.path().resolve("old/below"));
      Files.writeString(mount.path().resolve("file"), "content");
    }
    snapshots.commit("base", "a", "", NO_LABELS);
    List<Mount> left = view("left", "base");
    List<Mount> renamed = snapshots.prepare("renamed", "base", NO_LABELS);
    try (KernelMount mount = KernelMount.of(renamed)) {
      Files.move(mount.path().resolve("old"), mount.path().resolve("new"));
    }
    assertUnsupported("new: it was renamed and not copied", left, renamed);
    List<Mount> touched = snapshots.prepare("touched", "base", NO_LABELS);
    try (KernelMount mount = KernelMount.of(touched)) {
      Files.setAttribute(mount.path().resolve("file"), "unix:mode", 0600);
    }
    assertUnsupported("file: its content is in a lower layer", left, touched);
  }

  @Test
  void ownersThatTheMountMapsAreLeftToOthers() throws Exception {
    open(DriverSetting.OVERLAY, TestRoots.REMAPPING);
    commit("one", "");
    Map<String, String> labels =
        Map.of(
            "containerd.io/snapshot/uidmapping", "0:100000:65536",
            "containerd.io/snapshot/gidmapping", "0:100000:65536");
    assertUnsupported(
        "owners are mapped", view("left", "one"), snapshots.prepare("mapped", "one", labels));
  }

  @Test
  void snapshotThatIsGoneIsNotFound() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> active = prepare("active", "two", "file");
    snapshots.remove("active");
    assertThatThrownBy(() -> make(left, active)).isInstanceOf(SnapshotException.NotFound.class);
  }

  private interface Action {
    void run() throws Exception;
  }

  /** {@return a sink that runs an action when the first bytes arrive} */
  private static CollectedBlob doing(Action action) {
    return new CollectedBlob() {
      private boolean isDone;

      @Override
      public void write(ByteBuffer piece) throws IOException {
        if (!isDone) {
          isDone = true;
          try {
            action.run();
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        }
        super.write(piece);
      }
    };
  }

  private List<Mount> prepareLarge() throws Exception {
    List<Mount> active = snapshots.prepare("active", "two", NO_LABELS);
    try (KernelMount mount = KernelMount.of(active)) {
      Files.write(mount.path().resolve("large"), new byte[12 << 20]);
      Files.writeString(mount.path().resolve("later"), "content");
    }
    return active;
  }

  @Test
  void removalMeanwhileFailsTheLayerAndDoesNotWaitForIt() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> active = prepareLarge();
    CollectedBlob blob =
        doing(
            () -> {
              snapshots.remove("active");
              snapshots.cleanup();
            });
    assertThatThrownBy(() -> root.builder().make(left, active, PLAIN, blob, new Cancellation()))
        .isInstanceOf(SnapshotException.NotFound.class)
        .hasMessage("diff: snapshot active: not found");
  }

  @Test
  void commitMeanwhileChangesNothing() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> active = prepareLarge();
    CollectedBlob blob = doing(() -> snapshots.commit("four", "active", "", NO_LABELS));
    root.builder().make(left, active, PLAIN, blob, new Cancellation());
    CollectedBlob after = new CollectedBlob();
    root.builder().make(left, view("right", "four"), PLAIN, after, new Cancellation());
    assertThat(after.bytes()).isEqualTo(blob.bytes());
  }

  @Test
  void snapshotThatALayerIsUnpackedIntoIsRefused() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> active = snapshots.prepare("active", "two", NO_LABELS);
    root.applier()
        .apply(
            active,
            false,
            (target, isSynced) -> {
              assertThatThrownBy(() -> make(left, active))
                  .isInstanceOf(SnapshotException.FailedPrecondition.class)
                  .hasMessageContaining("a layer is being unpacked into the snapshot");
              return new TreeResult(
                  new Usage(1, 1), Optional.of(ImplicitDirectoryList.EMPTY), false);
            });
    assertThat(make(left, active).entries()).isZero();
  }

  @Test
  void fileThatNoLayerCanHoldIsNamed() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> active = prepare("active", "two", ".wh.file");
    assertThatThrownBy(() -> make(left, active))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageStartingWith("diff active: .wh.file: ");
  }

  @Test
  void sinkThatFailsIsUnavailable() throws Exception {
    open();
    List<Mount> left = view("left", "two");
    List<Mount> active = prepare("active", "two", "file");
    CollectedBlob blob =
        new CollectedBlob() {
          @Override
          public void write(ByteBuffer piece) throws IOException {
            throw new IOException("no more");
          }
        };
    assertThatThrownBy(() -> root.builder().make(left, active, PLAIN, blob, new Cancellation()))
        .isInstanceOf(SnapshotException.Unavailable.class)
        .hasMessage("diff active: no more");
  }
}
