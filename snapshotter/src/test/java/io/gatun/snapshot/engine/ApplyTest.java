package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import io.gatun.snapshot.unpack.DirectorySource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The steps of an apply around the writing of a layer, with stand-ins for layers. */
@Timeout(60)
class ApplyTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  @TempDir private Path temporary;

  private final DiskCalls calls = new DiskCalls(new UnsyncedDisk());
  private final AtomicInteger walks = new AtomicInteger();
  private EngineRoot engine;

  @BeforeEach
  void open() throws Exception {
    engine = TestEngine.open(temporary.resolve("root"), calls.disk(), CountingDriver::new);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private final class CountingDriver extends ForwardingDriver {

    CountingDriver(Driver driver) {
      super(driver);
    }

    @Override
    public Usage usage(Chain chain) throws ErrnoException {
      walks.incrementAndGet();
      return super.usage(chain);
    }
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private List<Mount> prepare(String key, String parent) {
    return snapshots().prepare(key, parent, NO_LABELS);
  }

  private void apply(List<Mount> mounts, DirectorySource layer) throws IOException {
    engine.applier().apply(mounts, false, layer);
  }

  private StandInLayer layer(String... names) {
    return StandInLayer.of(calls.disk(), names);
  }

  private void makeBase(String name, String... files) throws IOException {
    apply(prepare("making " + name, ""), layer(files));
    snapshots().commit(name, "making " + name, "", NO_LABELS);
  }

  private static Path files(List<Mount> mounts) {
    return Path.of(mounts.getFirst().source());
  }

  @Test
  void layerIsCommittedWithoutASyncAndWithoutAWalk() throws Exception {
    List<Mount> mounts = prepare("a", "");
    apply(mounts, layer("one", "two"));
    assertThat(calls.layerSyncs()).isEqualTo(1);
    assertThat(files(mounts).resolve("one")).hasContent("one");
    snapshots().commit("base", "a", "", NO_LABELS);
    assertThat(calls.layerSyncs()).isEqualTo(1);
    assertThat(snapshots().usage("base").inodes()).isEqualTo(3);
    assertThat(walks).hasValue(0);
  }

  @Test
  void layerThatWasNotAppliedHereIsSyncedAndWalked() throws Exception {
    Files.writeString(files(prepare("a", "")).resolve("file"), "content");
    snapshots().commit("base", "a", "", NO_LABELS);
    assertThat(calls.layerSyncs()).isEqualTo(1);
    assertThat(snapshots().usage("base").inodes()).isEqualTo(2);
    assertThat(walks).hasValue(1);
  }

  @Test
  void whoIsToldOfTheMountsMayHaveWrittenToThem() throws Exception {
    apply(prepare("a", ""), layer("one"));
    snapshots().mounts("a");
    assertCommitSyncsAndUsageWalks();
  }

  @Test
  void whoIsToldOfTheMountsWhileALayerIsWrittenMayHaveWrittenToThem() throws Exception {
    apply(prepare("a", ""), layer("one").ending(() -> snapshots().mounts("a")));
    assertCommitSyncsAndUsageWalks();
  }

  @Test
  void changeAtTheTopShows() throws Exception {
    List<Mount> mounts = prepare("a", "");
    apply(mounts, layer("one"));
    Files.writeString(files(mounts).resolve("two"), "of somebody else");
    assertCommitSyncsAndUsageWalks();
  }

  @Test
  void layerIsKnownAfterARestart() throws Exception {
    apply(prepare("a", ""), layer("one"));
    close();
    open();
    snapshots().commit("base", "a", "", NO_LABELS);
    assertThat(calls.layerSyncs()).isEqualTo(1);
    assertThat(snapshots().usage("base").inodes()).isEqualTo(2);
    assertThat(walks).hasValue(0);
    assertThat(temporary.resolve("root/snapshots/1/applied")).doesNotExist();
  }

  @Test
  void nothingIsKnownOfALayerAfterARestartIfItsRecordIsDamaged() throws Exception {
    apply(prepare("a", ""), layer("one"));
    close();
    Path record = temporary.resolve("root/snapshots/1/applied");
    Files.write(record, Arrays.copyOf(Files.readAllBytes(record), 20));
    open();
    assertCommitSyncsAndUsageWalks();
  }

  @Test
  void nothingIsKnownOfALayerAfterARestartIfItWasChangedMeanwhile() throws Exception {
    apply(prepare("a", ""), layer("one"));
    close();
    Files.createFile(temporary.resolve("root/snapshots/1/fs/two"));
    open();
    assertCommitSyncsAndUsageWalks();
  }

  private void assertCommitSyncsAndUsageWalks() {
    assertThat(calls.layerSyncs()).isEqualTo(1);
    snapshots().commit("base", "a", "", NO_LABELS);
    assertThat(calls.layerSyncs()).isEqualTo(2);
    snapshots().usage("base");
    assertThat(walks).hasValue(1);
  }

  @Test
  void mountsThatAreNotOursAreLeftToOthers() {
    List<Mount> ours = prepare("a", "");
    String source = ours.getFirst().source();
    List<String> options = ours.getFirst().options();
    List<List<Mount>> others = new ArrayList<>();
    others.add(List.of());
    others.add(List.of(ours.getFirst(), ours.getFirst()));
    others.add(List.of(Mount.ofRoot("bind", "/elsewhere" + source, options)));
    others.add(List.of(Mount.ofRoot("bind", source + "/", options)));
    others.add(List.of(Mount.ofRoot("bind", source.replace("/1/", "/01/"), options)));
    others.add(List.of(Mount.ofRoot("bind", source.replace("/1/", "/1/../1/"), options)));
    others.add(List.of(Mount.ofRoot("bind", source.replace("/1/", "//"), options)));
    others.add(List.of(Mount.ofRoot("bind", source.replace("/1/", "/1\0/"), options)));
    others.add(List.of(Mount.ofRoot("bind", source.replace("/1/fs", "/fs"), options)));
    others.add(List.of(Mount.ofRoot("bind", source, List.of("rw"))));
    others.add(List.of(Mount.ofRoot("ext4", source, options)));
    others.add(List.of(new Mount("bind", source, "/below", options)));
    others.add(
        List.of(Mount.ofRoot("overlay", "overlay", List.of("upperdir=" + source, "index=off"))));
    others.add(List.of(Mount.ofRoot("overlay", "overlay", List.of("lowerdir=/a:/b"))));
    StandInLayer layer = layer("one");
    for (List<Mount> mounts : others) {
      assertThatThrownBy(() -> apply(mounts, layer))
          .as("%s", mounts)
          .isInstanceOf(SnapshotException.Unsupported.class);
    }
    assertThat(layer.targets()).isEmpty();
  }

  @Test
  void snapshotThatIsGoneIsNotFound() {
    List<Mount> mounts = prepare("a", "");
    snapshots().remove("a");
    assertThatThrownBy(() -> apply(mounts, layer("one")))
        .isInstanceOf(SnapshotException.NotFound.class)
        .hasMessage("apply: the snapshot with id 1: not found");
  }

  @Test
  void viewsAndCommittedSnapshotsAreRefused() throws Exception {
    List<Mount> mounts = prepare("a", "");
    apply(mounts, layer("one"));
    snapshots().commit("base", "a", "", NO_LABELS);
    assertRefused(mounts, "apply base: the snapshot is not active but committed");
    assertRefused(
        snapshots().view("of base", "base", NO_LABELS),
        "apply base: the snapshot is not active but committed");
    assertRefused(
        snapshots().view("of nothing", "", NO_LABELS),
        "apply of nothing: the snapshot is not active but view");
  }

  private void assertRefused(List<Mount> mounts, String message) {
    assertThatThrownBy(() -> apply(mounts, layer("two")))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessage(message);
  }

  @Test
  void snapshotWithSomethingInItIsLeftToOthersAndLeftAlone() throws Exception {
    List<Mount> mounts = prepare("a", "");
    Files.writeString(files(mounts).resolve("mine"), "content");
    assertLeftAlone(mounts, "mine");
  }

  @Test
  void copyThatWasChangedIsLeftToOthersAndLeftAlone() throws Exception {
    makeBase("base", "of base");
    List<Mount> mounts = prepare("a", "base");
    // The clock of the kernel for change times ticks every few milliseconds.
    Thread.sleep(20);
    Files.writeString(files(mounts).resolve("of base"), "changed");
    assertLeftAlone(mounts, "of base");
    assertThat(files(mounts).resolve("of base")).hasContent("changed");
  }

  private void assertLeftAlone(List<Mount> mounts, String name) {
    StandInLayer layer = layer("one");
    assertThatThrownBy(() -> apply(mounts, layer))
        .isInstanceOf(SnapshotException.Unsupported.class)
        .hasMessage("apply a: there is something in the snapshot already");
    assertThat(layer.targets()).isEmpty();
    assertThat(files(mounts).resolve(name)).exists();
    snapshots().commit("layer", "a", "", NO_LABELS);
  }

  @Test
  void layerIsAppliedToACopyOfItsParent() throws Exception {
    makeBase("base", "of base", "deleted");
    List<Mount> mounts = prepare("a", "base");
    apply(mounts, layer("one").deleting("deleted"));
    snapshots().commit("layer", "a", "", NO_LABELS);
    assertThat(TestEngine.names(files(mounts))).containsExactly("of base", "one");
    assertThat(snapshots().usage("layer").inodes()).isEqualTo(3);
  }

  @Test
  void othersAreRefusedAtOnceWhileALayerIsWritten() throws Exception {
    List<Mount> mounts = prepare("a", "");
    AtomicInteger refusals = new AtomicInteger();
    apply(
        mounts,
        layer("one")
            .ending(
                () -> {
                  assertThatThrownBy(() -> snapshots().remove("a"))
                      .isInstanceOf(SnapshotException.FailedPrecondition.class)
                      .hasMessage(
                          "cannot remove snapshot a now: a layer is being unpacked into it");
                  assertThatThrownBy(() -> snapshots().commit("base", "a", "", NO_LABELS))
                      .isInstanceOf(SnapshotException.FailedPrecondition.class)
                      .hasMessage("commit a: a layer is being unpacked into the snapshot");
                  assertRefused(mounts, "apply a: a layer is being unpacked into the snapshot");
                  refusals.set(3);
                }));
    assertThat(refusals).hasValue(3);
    snapshots().commit("base", "a", "", NO_LABELS);
    snapshots().remove("base");
  }

  @Test
  void labelsCanBeWrittenWhileALayerIs() throws Exception {
    apply(
        prepare("a", ""),
        layer("one")
            .ending(() -> snapshots().update("a", Map.of("containerd.io/x", "1"), List.of())));
    assertThat(snapshots().stat("a").labels()).containsEntry("containerd.io/x", "1");
    snapshots().commit("base", "a", "", NO_LABELS);
  }

  @Test
  void failedApplyLeavesTheSnapshotReadyForAnotherTry() throws Exception {
    List<Mount> mounts = prepare("a", "");
    assertFails(mounts, () -> new IOException("the blob ends early"), IOException.class);
    assertFails(mounts, () -> new CancellationException("gone"), CancellationException.class);
    assertFails(mounts, () -> new IllegalStateException("a bug"), IllegalStateException.class);
    assertFails(
        mounts,
        () -> new ErrnoException("openat", Errno.ENOSPC, LinuxPath.of("one")),
        SnapshotException.ResourceExhausted.class);
    assertFails(
        mounts,
        () -> new ErrnoException("openat", Errno.EIO, LinuxPath.of("one")),
        SnapshotException.StorageFailure.class);
    assertThat(files(mounts)).isEmptyDirectory();
    apply(mounts, layer("one", "three"));
    snapshots().commit("base", "a", "", NO_LABELS);
    assertThat(TestEngine.names(files(mounts))).containsExactly("one", "three");
    snapshots().cleanup();
    assertThat(temporary.resolve("root/trash")).isEmptyDirectory();
    assertThat(TestEngine.directories(temporary.resolve("root"))).containsExactly(1L);
  }

  @Test
  void failedApplyBringsTheCopyOfTheParentBack() throws Exception {
    makeBase("base", "of base", "deleted");
    List<Mount> mounts = prepare("a", "base");
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(
              () ->
                  apply(
                      mounts,
                      layer("one")
                          .deleting("deleted")
                          .ending(
                              () -> {
                                throw new IOException("the blob ends early");
                              })))
          .hasMessage("the blob ends early");
      assertThat(TestEngine.names(files(mounts))).containsExactly("deleted", "of base");
    }
    apply(mounts, layer("one"));
    snapshots().commit("layer", "a", "", NO_LABELS);
  }

  private interface Failure {
    Exception make();
  }

  private void assertFails(
      List<Mount> mounts, Failure failure, Class<? extends Throwable> expected) {
    assertThatThrownBy(
            () ->
                apply(
                    mounts,
                    layer("one", "two")
                        .ending(
                            () -> {
                              switch (failure.make()) {
                                case IOException e -> throw e;
                                case RuntimeException e -> throw e;
                                case Exception e -> throw new AssertionError(e);
                              }
                            })))
        .isInstanceOf(expected);
    assertThat(files(mounts)).isEmptyDirectory();
    assertThat(snapshots().stat("a").kind()).isEqualTo(Kind.ACTIVE);
  }

  @Test
  void whatCannotBeTakenAwayIsNotCommittedAndTakenAwayLater() throws Exception {
    List<Mount> mounts = prepare("a", "");
    StandInLayer failing =
        layer("one")
            .ending(
                () -> {
                  calls.fail("exchange", Errno.EIO);
                  throw new IOException("the blob ends early");
                });
    assertThatThrownBy(() -> apply(mounts, failing)).hasMessage("the blob ends early");
    assertThat(calls.count("exchange")).isEqualTo(1);
    assertThatThrownBy(() -> snapshots().commit("base", "a", "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("something of it is left in the snapshot (id 1): remove it");
    assertThatThrownBy(() -> apply(mounts, layer("two")))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("apply a: exchange");
    calls.succeed("exchange");
    apply(mounts, layer("two"));
    assertThat(TestEngine.names(files(mounts))).containsExactly("two");
    snapshots().commit("base", "a", "", NO_LABELS);
  }

  @Test
  void whatCannotBeTakenAwayCanBeRemoved() throws Exception {
    List<Mount> mounts = prepare("a", "");
    assertThatThrownBy(
            () ->
                apply(
                    mounts,
                    layer("one")
                        .ending(
                            () -> {
                              calls.fail("exchange", Errno.EIO);
                              throw new IOException("the blob ends early");
                            })))
        .hasMessage("the blob ends early");
    snapshots().remove("a");
    snapshots().cleanup();
    assertThat(TestEngine.directories(temporary.resolve("root"))).isEmpty();
    assertThat(temporary.resolve("root/trash")).isEmptyDirectory();
  }

  @Test
  void layerThatLeavesNoRoomIsDeletedToMakeSome() throws Exception {
    List<Mount> mounts = prepare("a", "");
    List<Integer> removals = new ArrayList<>();
    assertThatThrownBy(
            () ->
                apply(
                    mounts,
                    layer("one", "two")
                        .ending(
                            () -> {
                              calls.fail("createDirectory", Errno.ENOSPC);
                              removals.add(calls.count("removeFile"));
                              throw new ErrnoException(
                                  "openat", Errno.ENOSPC, LinuxPath.of("three"));
                            })))
        .isInstanceOf(SnapshotException.ResourceExhausted.class);
    assertThat(calls.count("removeFile") - removals.getFirst()).isEqualTo(2);
    assertThat(files(mounts)).isEmptyDirectory();
    calls.succeed("createDirectory");
    apply(mounts, layer("one"));
    snapshots().commit("base", "a", "", NO_LABELS);
  }

  @Test
  void layerIsSyncedIfTheRequestAsksForItAndTheConfigurationDoesNot() throws Exception {
    DiskCalls counted = new DiskCalls(new LinuxDisk());
    Path root = temporary.resolve("unsynced");
    EngineSettings defaults = TestEngine.settings(root);
    try (EngineRoot lazy =
        EngineRoot.open(
            counted.disk(),
            new EngineSettings(
                root,
                defaults.driver(),
                defaults.overlay(),
                defaults.copyThreads(),
                SyncPolicy.NONE,
                defaults.metadata()),
            InstantSource.system())) {
      Snapshotter snapshots = lazy.snapshotter();
      StandInLayer layer = StandInLayer.of(counted.disk(), "one");
      lazy.applier().apply(snapshots.prepare("a", "", NO_LABELS), false, layer);
      assertThat(counted.layerSyncs()).isZero();
      lazy.applier().apply(snapshots.prepare("b", "", NO_LABELS), true, layer);
      assertThat(counted.layerSyncs()).isEqualTo(1);
      snapshots.commit("layer a", "a", "", NO_LABELS);
      snapshots.commit("layer b", "b", "", NO_LABELS);
      assertThat(counted.layerSyncs()).isEqualTo(1);
    }
  }
}
