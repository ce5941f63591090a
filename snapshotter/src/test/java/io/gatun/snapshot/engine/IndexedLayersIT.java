package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.Mounts;
import io.gatun.linux.UnmountFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.BytesBlob;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.LayerBlob;
import io.gatun.snapshot.disk.LinuxDisk;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers that are kept as tars, from Apply to Remove, as the kernel shows them. */
class IndexedLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();

  private static final byte[] BASE =
      TarBuilder.pax()
          .modified(1_000)
          .directory("etc", 0750)
          .file("etc/hostname", 0644, "gatun")
          .file("etc/gone", 0644, "gone")
          .owner(7, 8)
          .directory("opt", 01777)
          .directory("opt/deep", 0711)
          .file("opt/deep/below", 0600, "below")
          .whiteout("etc/never")
          .finish();

  private static final byte[] SECOND =
      TarBuilder.pax()
          .modified(2_000)
          .file("opt/deep/file", 0644, "x".repeat(100_000))
          .whiteout("etc/gone")
          .symbolicLink("link", "etc/hostname")
          .finish();

  private static final byte[] THIRD =
      TarBuilder.pax()
          .modified(3_000)
          .directory("opt/deep", 0700)
          .opaque("opt/deep")
          .file("opt/deep/last", 0644, "last")
          .hardLink("opt/linked", 0644, "opt/deep/last")
          .finish();

  private static final List<byte[]> LAYERS = List.of(BASE, SECOND, THIRD);

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());
  private Path directory;
  private EngineRoot engine;
  private LayerUnpacker unpacker;

  @BeforeEach
  void open() throws Exception {
    open(
        newDirectory(LoopFilesystem.Kind.EXT4),
        LayerSetting.INDEXED,
        TestRoots.PLAIN,
        "first boot");
  }

  private static Path newDirectory(LoopFilesystem.Kind kind) {
    return FILESYSTEMS.of(kind).createDirectory("indexed-");
  }

  private void open(String boot) throws Exception {
    open(directory, LayerSetting.INDEXED, TestRoots.PLAIN, boot);
  }

  private void open(Path root, LayerSetting layers, OverlaySettings overlay, String boot)
      throws Exception {
    directory = root;
    engine =
        EngineRoot.open(
            calls.disk(),
            TestRoots.settings(root, DriverSetting.OVERLAY, overlay).withLayers(layers),
            InstantSource.system(),
            boot);
    unpacker = engine.unpacker(2);
  }

  private void reopen(String boot) throws Exception {
    engine.close();
    open(boot);
  }

  /** What a start of the machine leaves of the mounts. */
  private void reboot() throws Exception {
    engine.close();
    unmountAll();
    open("another boot");
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    unmountAll();
  }

  private void unmountAll() throws ErrnoException {
    for (long id : mounted()) {
      Mounts.umount2(LinuxPath.of(snapshot(id)), UnmountFlag.DETACH);
    }
  }

  /** {@return the ids of the snapshots on whose directories something is mounted} */
  private Set<Long> mounted() throws ErrnoException {
    Set<Long> ids = new TreeSet<>();
    for (MountEntry mount : MountTable.read()) {
      Path place = Path.of(mount.mountPoint().toString());
      if (directory.resolve("snapshots").equals(place.getParent())) {
        ids.add(Long.valueOf(place.getFileName().toString()));
      }
    }
    return ids;
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private static String extraction(int layer) {
    return "k8s.io/%d/extract-123456789-ab%d sha256:0%d".formatted(layer + 1, layer, layer);
  }

  private AppliedLayer apply(byte[] layer, List<Mount> mounts) {
    return apply(new BytesBlob(Compressed.gzip(layer)), mounts);
  }

  private AppliedLayer apply(LayerBlob blob, List<Mount> mounts) {
    return unpacker.unpack(blob, mounts, false, new Cancellation());
  }

  /** Unpacks one layer on top of another, and commits it under its number. */
  private void unpack(byte[] layer, String name, String parent) {
    String key = extraction(name.hashCode() & 0xffff);
    apply(layer, snapshots().prepare(key, parent, NO_LABELS));
    snapshots().commit(name, key, "", NO_LABELS);
  }

  private String unpackAll() {
    String parent = "";
    for (int i = 0; i < LAYERS.size(); i++) {
      String name = "chain-" + i;
      unpack(LAYERS.get(i), name, parent);
      parent = name;
    }
    return parent;
  }

  private List<String> manifest(String name) throws Exception {
    String key = "view of " + name;
    try (KernelMount view = KernelMount.of(snapshots().view(key, name, NO_LABELS))) {
      // The time of the top is when the directory was made, and nobody's.
      List<String> all = TreeManifest.of(view.path(), Set.of(TreeManifest.Detail.DIRECTORY_TIMES));
      return all.subList(1, all.size());
    } finally {
      snapshots().remove(key);
    }
  }

  private Path snapshot(long id) {
    return directory.resolve("snapshots").resolve(Long.toString(id));
  }

  private Set<String> layers() {
    return TestEngine.names(directory.resolve("layers"));
  }

  private static String hex(byte[] tar) {
    return BytesBlob.digestOf(tar).hex();
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void chainsShowWhatDirectoriesShow(LoopFilesystem.Kind kind) throws Exception {
    engine.close();
    open(newDirectory(kind), LayerSetting.DIRECTORY, TestRoots.PLAIN, "boot");
    List<String> expected = manifest(unpackAll());
    assertThat(directory.resolve("layers")).doesNotExist();
    engine.close();
    open(newDirectory(kind), LayerSetting.INDEXED, TestRoots.PLAIN, "boot");
    assertThat(manifest(unpackAll())).isEqualTo(expected);
    assertThat(layers()).containsExactlyInAnyOrder(hex(BASE), hex(SECOND), hex(THIRD));
  }

  @Test
  void theAnswerIsThatOfTheBlobAndTheDirectoryIsEmptyFromTheCommitOn() throws Exception {
    String key = extraction(0);
    AppliedLayer layer = apply(BASE, snapshots().prepare(key, "", NO_LABELS));
    assertThat(layer.diffId()).isEqualTo(BytesBlob.digestOf(BASE));
    assertThat(layer.sizeBytes()).isEqualTo(BASE.length);
    assertThat(snapshot(1).resolve("fs")).isEmptyDirectory();
    snapshots().commit("base", key, "", NO_LABELS);
    assertThat(snapshot(1)).isEmptyDirectory();
  }

  @Test
  void layersThatAreUnpackedWithoutThoseBelowShowTheSame() throws Exception {
    List<String> expected = manifest(unpackAll());
    close();
    open(newDirectory(LoopFilesystem.Kind.EXT4), LayerSetting.INDEXED, TestRoots.REBASING, "boot");
    for (int i = 0; i < LAYERS.size(); i++) {
      apply(LAYERS.get(i), snapshots().prepare(extraction(i), "", NO_LABELS));
    }
    String parent = "";
    for (int i = 0; i < LAYERS.size(); i++) {
      snapshots().commit("chain-" + i, extraction(i), parent, NO_LABELS);
      parent = "chain-" + i;
      assertThat(snapshot(i + 1).resolve("work")).doesNotExist();
    }
    assertThat(manifest(parent)).isEqualTo(expected);
    // Of the index that was made for no parent, nothing is left.
    assertThat(TestEngine.names(directory.resolve("layers").resolve(hex(SECOND))))
        .filteredOn(name -> name.startsWith("index-"))
        .hasSize(1);
  }

  @Test
  void whoAsksForTheMountsBeforeTheCommitSeesTheFiles() throws Exception {
    unpack(BASE, "base", "");
    List<Mount> prepared = snapshots().prepare(extraction(1), "base", NO_LABELS);
    apply(SECOND, prepared);
    assertThat(snapshots().areMountsAtHand(extraction(1))).isFalse();
    List<Mount> mounts = snapshots().mounts(extraction(1));
    assertThat(mounts).isEqualTo(prepared);
    try (KernelMount active = KernelMount.of(mounts)) {
      assertThat(active.path().resolve("link")).isSymbolicLink();
      assertThat(active.path().resolve("etc/gone")).doesNotExist();
      Files.writeString(active.path().resolve("mine"), "mine");
    }
    assertThat(layers()).doesNotContain(hex(SECOND));
    snapshots().commit("second", extraction(1), "", NO_LABELS);
    try (KernelMount view = KernelMount.of(snapshots().view("v", "second", NO_LABELS))) {
      assertThat(view.path().resolve("mine")).hasContent("mine");
      assertThat(view.path().resolve("opt/deep/file")).hasSize(100_000);
    }
  }

  @Test
  void anotherLayerOnTopIsForWhoeverSeesTheFirst() throws Exception {
    List<Mount> mounts = snapshots().prepare(extraction(0), "", NO_LABELS);
    apply(BASE, mounts);
    assertThatThrownBy(() -> apply(SECOND, mounts))
        .isInstanceOf(SnapshotException.Unsupported.class)
        .hasMessageContaining("there is something in the snapshot already");
    assertThat(snapshot(1).resolve("fs/etc/hostname")).hasContent("gatun");
  }

  @Test
  void whatWasWrittenBesideALayerIsNotLostInSilence() throws Exception {
    apply(BASE, snapshots().prepare(extraction(0), "", NO_LABELS));
    Files.writeString(snapshot(1).resolve("fs/mine"), "mine");
    assertThatThrownBy(() -> snapshots().commit("base", extraction(0), "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("something was written to the snapshot");
  }

  @Test
  void onlySnapshotsToUnpackIntoHaveTheirLayersKept() throws Exception {
    apply(BASE, snapshots().prepare("container", "", NO_LABELS));
    assertThat(snapshot(1).resolve("fs/etc/hostname")).hasContent("gatun");
    snapshots().commit("base", "container", "", NO_LABELS);
    assertThat(directory.resolve("layers")).doesNotExist();
  }

  @Test
  void theSameBlobOnceMoreIsNotRead() throws Exception {
    byte[] blob = Compressed.gzip(SECOND);
    unpack(BASE, "base", "");
    unpack(SECOND, "second", "base");
    LayerBlob lost = new BytesBlob(new byte[0]).saying(BytesBlob.digestOf(blob));
    AppliedLayer again = apply(lost, snapshots().prepare(extraction(9), "base", NO_LABELS));
    assertThat(again.diffId()).isEqualTo(BytesBlob.digestOf(SECOND));
    assertThat(again.sizeBytes()).isEqualTo(SECOND.length);
    snapshots().commit("again", extraction(9), "", NO_LABELS);
    assertThat(manifest("again")).isEqualTo(manifest("second"));
    assertThat(snapshots().usage("again")).isEqualTo(new Usage(0, 0));
  }

  @Test
  void whatSeveralSnapshotsShareIsCountedOnce() throws Exception {
    unpack(BASE, "base", "");
    unpack(SECOND, "second", "base");
    Usage alone = snapshots().usage("second");
    assertThat(alone.inodes()).isEqualTo(2);
    assertThat(alone.sizeBytes()).isGreaterThanOrEqualTo(SECOND.length);
    unpack(SECOND, "again", "base");
    assertThat(snapshots().usage("again")).isEqualTo(new Usage(0, 0));
    assertThat(snapshots().usage("second")).isEqualTo(alone);
    snapshots().remove("second");
    assertThat(snapshots().usage("again")).isEqualTo(alone);
  }

  @Test
  void aLayerWithoutAnIndexIsADirectory() throws Exception {
    engine.close();
    open(newDirectory(LoopFilesystem.Kind.XFS), LayerSetting.INDEXED, TestRoots.PLAIN, "boot");
    byte[] layer =
        TarBuilder.pax()
            .directory("etc", 0755)
            .xattr("user.large", new byte[65_536])
            .file("f", 0644, "f")
            .finish();
    apply(layer, snapshots().prepare(extraction(0), "", NO_LABELS));
    assertThat(layers()).isEmpty();
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    assertThat(snapshot(1).resolve("fs/f")).hasContent("f");
    unpack(SECOND, "mixed", "base");
    assertThat(layers()).containsExactly(hex(SECOND));
    assertThat(manifest("mixed")).anyMatch(line -> line.startsWith("opt/deep/file "));
  }

  @Test
  void aFailedOrCancelledApplyLeavesTheSnapshotAsItWasMade() throws Exception {
    List<Mount> mounts = snapshots().prepare(extraction(0), "", NO_LABELS);
    byte[] damaged = Compressed.gzip(BASE);
    damaged[damaged.length - 6] ^= 1;
    assertThatThrownBy(() -> apply(new BytesBlob(damaged), mounts))
        .isInstanceOf(SnapshotException.InvalidArgument.class);
    Cancellation cancelled = new Cancellation();
    cancelled.cancel();
    assertThatThrownBy(
            () -> unpacker.unpack(new BytesBlob(Compressed.gzip(BASE)), mounts, false, cancelled))
        .isInstanceOf(CancellationException.class);
    calls.fail("syncData", Errno.EIO);
    assertThatThrownBy(() -> apply(BASE, mounts))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("EIO");
    calls.succeed("syncData");
    assertThat(layers()).isEmpty();
    assertThat(snapshot(1).resolve("fs")).isEmptyDirectory();
    apply(BASE, mounts);
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    assertThat(manifest("base")).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"the same boot", "another boot"})
  void anAppliedLayerOutlivesTheDaemonAndTheMachine(String boot) throws Exception {
    open(directory, "the same boot");
    apply(BASE, snapshots().prepare(extraction(0), "", NO_LABELS));
    reopen(boot);
    assertThat(layers()).contains(hex(BASE));
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    assertThat(manifest("base")).isNotEmpty();
  }

  private void open(Path root, String boot) throws Exception {
    engine.close();
    open(root, LayerSetting.INDEXED, TestRoots.PLAIN, boot);
  }

  @Test
  void whatAContainerNeedsIsMountedAgainAfterAStartOfTheMachine() throws Exception {
    String top = unpackAll();
    List<Mount> mounts = snapshots().prepare("container", top, NO_LABELS);
    reboot();
    // That of a base is the same as that of the other, with or without a request for it.
    try (KernelMount container = KernelMount.of(mounts)) {
      assertThat(container.path().resolve("opt/deep/last")).hasContent("last");
    }
    assertThat(snapshots().mounts("container")).isEqualTo(mounts);
  }

  @Test
  void aLayerThatIsNotMountedIsRefusedByTheKernelUntilSomebodyAsks() throws Exception {
    unpackAll();
    List<Mount> mounts = snapshots().prepare("container", "chain-2", NO_LABELS);
    Mounts.umount2(LinuxPath.of(snapshot(2)), UnmountFlag.DETACH);
    assertThatThrownBy(() -> KernelMount.of(mounts).close())
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    try (KernelMount container = KernelMount.of(snapshots().mounts("container"))) {
      assertThat(container.path().resolve("link")).isSymbolicLink();
    }
  }

  @Test
  void mountsStayWhenTheDaemonEndsAndAreFoundByTheNext() throws Exception {
    unpackAll();
    List<Mount> mounts = snapshots().prepare("container", "chain-2", NO_LABELS);
    try (KernelMount container = KernelMount.of(mounts)) {
      reopen("first boot");
      assertThat(container.path().resolve("opt/deep/last")).hasContent("last");
      assertThat(snapshots().mounts("container")).isEqualTo(mounts);
    }
  }

  @Test
  void removingTheLastSnapshotOfALayerTakesItAway() throws Exception {
    unpackAll();
    snapshots().prepare("container", "chain-2", NO_LABELS);
    snapshots().remove("container");
    for (int i = LAYERS.size() - 1; i >= 0; i--) {
      snapshots().remove("chain-" + i);
    }
    snapshots().cleanup();
    assertThat(layers()).isEmpty();
    assertThat(directory.resolve("snapshots")).isEmptyDirectory();
    assertThat(directory.resolve("trash")).isEmptyDirectory();
    assertThat(mounted()).isEmpty();
  }

  @Test
  void whatNobodyUsesIsUnmountedAfterAWhile() throws Exception {
    unpackAll();
    snapshots().prepare("container", "chain-1", NO_LABELS);
    assertThat(mounted()).containsExactly(1L, 2L);
    snapshots().prepare("other", "chain-0", NO_LABELS);
    snapshots().remove("container");
    long end = System.nanoTime() + 60_000_000_000L;
    while (mounted().contains(2L)) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(100);
    }
    assertThat(mounted()).containsExactly(1L);
  }

  @Test
  void whatACrashLeavesOfTheActiveSnapshotIsNotSeenInPlaceOfTheLayer() throws Exception {
    unpack(BASE, "base", "");
    engine.close();
    Files.createDirectory(snapshot(1).resolve("fs"));
    Files.createDirectory(snapshot(1).resolve("work"));
    Files.writeString(snapshot(1).resolve("unpacking"), "");
    open("first boot");
    assertThat(manifest("base")).isNotEmpty();
  }
}
