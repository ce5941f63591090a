package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DescriptorFlags;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Indexed layers from Apply to Remove, as the kernel shows them. */
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
            LayerBlobs.NONE,
            boot);
    unpacker = engine.unpacker(2);
  }

  private void reopen(String boot) throws Exception {
    engine.close();
    open(boot);
  }

  /** Removes the mounts as a reboot does, and opens the root again. */
  private void reboot() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
    open("another boot");
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
  }

  private Set<Long> mounted() throws ErrnoException {
    return KernelMounts.ids(directory);
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
    return unpacker.find(mounts).unpack(blob, false, NextLayerHint.UNKNOWN, new Cancellation());
  }

  /** Unpacks a layer on a parent and commits it. */
  private void unpack(byte[] layer, String name, String parent) {
    String key = extraction(name.hashCode() & 0xffff);
    apply(layer, snapshots().prepare(key, parent, NO_LABELS));
    snapshots().commit(name, key, "", NO_LABELS);
  }

  private String unpackAll() {
    return unpack(LAYERS);
  }

  private String unpack(List<byte[]> all) {
    String parent = "";
    for (int i = 0; i < all.size(); i++) {
      String name = "chain-" + i;
      unpack(all.get(i), name, parent);
      parent = name;
    }
    return parent;
  }

  private List<String> manifest(String name) throws Exception {
    String key = "view of " + name;
    try (KernelMount view = KernelMount.of(snapshots().view(key, name, NO_LABELS))) {
      // No layer sets the time of the top directory.
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
  @Timeout(60)
  void layersThatArePrefetchedShowTheSameAndNobodyReadsThemAgain() throws Exception {
    List<byte[]> all = new ArrayList<>(LAYERS);
    // The directories of the others inherit attributes; those of this layer do not.
    all.add(
        TarBuilder.pax().modified(4_000).directory("usr", 0711).file("usr/f", 0600, "f").finish());
    List<String> expected = manifest(unpack(all));
    close();
    open(newDirectory(LoopFilesystem.Kind.EXT4), LayerSetting.INDEXED, TestRoots.PLAIN, "boot");
    LayerBlob blob = new BytesBlob(Compressed.gzip(all.getFirst()));
    String parent = "";
    for (int i = 0; i < all.size(); i++) {
      byte[] next = all.get(Math.min(i + 1, all.size() - 1));
      byte[] compressed = Compressed.gzip(next);
      NextLayerHint ahead = () -> Optional.of(new BytesBlob(compressed));
      List<Mount> mounts = snapshots().prepare(extraction(i), parent, NO_LABELS);
      unpacker.find(mounts).unpack(blob, false, ahead, new Cancellation());
      parent = "chain-" + i;
      snapshots().commit(parent, extraction(i), "", NO_LABELS);
      await()
          .pollInterval(Duration.ofMillis(1))
          .atMost(Duration.ofMinutes(1))
          .until(() -> layers().contains(hex(next)));
      // The gate stays closed, so that a second read would wait for ever.
      blob = new GatedBlob(compressed);
    }
    assertThat(manifest(parent)).isEqualTo(expected);
    for (byte[] layer : all) {
      assertThat(TestEngine.names(directory.resolve("layers").resolve(hex(layer))))
          .filteredOn(name -> name.startsWith("index-"))
          .hasSize(1);
    }
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
    // The index that was built without a parent is deleted.
    assertThat(TestEngine.names(directory.resolve("layers").resolve(hex(SECOND))))
        .filteredOn(name -> name.startsWith("index-"))
        .hasSize(1);
  }

  @Test
  void layersThatInheritNothingFromTheirLaterParentsAreThoseUnpackedInOrder() throws Exception {
    byte[] named =
        TarBuilder.pax()
            .modified(2_000)
            .directory("opt", 0700)
            .file("opt/file", 0644, "file")
            .whiteout("etc")
            .finish();
    byte[] implicitAndNew = TarBuilder.pax().file("new/file", 0644, "file").finish();
    List<byte[]> layers = List.of(BASE, named, implicitAndNew);
    String sequential = "";
    for (int i = 0; i < layers.size(); i++) {
      unpack(layers.get(i), "sequential-" + i, sequential);
      sequential = "sequential-" + i;
    }
    List<String> expected = manifest(sequential);
    close();
    open(newDirectory(LoopFilesystem.Kind.EXT4), LayerSetting.INDEXED, TestRoots.REBASING, "boot");
    for (int i = 0; i < layers.size(); i++) {
      apply(layers.get(i), snapshots().prepare(extraction(i), "", NO_LABELS));
    }
    snapshots().commit("chain-0", extraction(0), "", NO_LABELS);
    snapshots().commit("chain-1", extraction(1), "chain-0", NO_LABELS);
    snapshots().commit("chain-2", extraction(2), "chain-1", NO_LABELS);
    assertThat(manifest("chain-2")).isEqualTo(expected);
    for (byte[] layer : layers) {
      assertThat(TestEngine.names(directory.resolve("layers").resolve(hex(layer))))
          .filteredOn(name -> name.startsWith("index-"))
          .hasSize(1);
    }
  }

  @Test
  void theTopOfALayerHasTheOwnerOfTheOneThatItIsPutOn() throws Exception {
    close();
    open(newDirectory(LoopFilesystem.Kind.EXT4), LayerSetting.INDEXED, TestRoots.REBASING, "boot");
    snapshots().prepare("directory", "", NO_LABELS);
    Unistd.fchownat(Fd.CURRENT_DIRECTORY, LinuxPath.of(snapshot(1).resolve("fs")), 7, 8);
    snapshots().commit("base", "directory", "", NO_LABELS);
    byte[] layer = TarBuilder.pax().file("file", 0644, "file").finish();
    byte[] another = TarBuilder.pax().file("another", 0644, "file").finish();
    apply(layer, snapshots().prepare(extraction(1), "", NO_LABELS));
    apply(another, snapshots().prepare(extraction(2), "", NO_LABELS));
    snapshots().commit("second", extraction(1), "base", NO_LABELS);
    snapshots().commit("third", extraction(2), "second", NO_LABELS);
    for (String name : List.of("second", "third")) {
      try (KernelMount view = KernelMount.of(snapshots().view("view", name, NO_LABELS))) {
        FileStatus top = Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(view.path()));
        assertThat(List.of(top.uid(), top.gid())).containsExactly(7, 8);
      }
      snapshots().remove("view");
    }
  }

  @Test
  void whoAsksForTheMountsBeforeTheCommitSeesTheFiles() throws Exception {
    unpack(BASE, "base", "");
    List<Mount> prepared = snapshots().prepare(extraction(1), "base", NO_LABELS);
    apply(SECOND, prepared);
    assertThat(snapshots().tryMountsWithoutIo(extraction(1))).isEmpty();
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
  @Timeout(60)
  void whileALayerIsPutIntoADirectoryOthersAreAnsweredAsForOneThatIsUnpacked() throws Exception {
    List<Mount> prepared = snapshots().prepare(extraction(0), "", NO_LABELS);
    apply(BASE, prepared);
    snapshots().prepare(extraction(1), "", NO_LABELS);
    apply(SECOND, snapshots().mounts(extraction(1)));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch mayGoOn = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      // Stops the first thread only, at the directories of the layer.
      AtomicBoolean isFirst = new AtomicBoolean(true);
      calls.precede(
          "setTimes",
          () -> {
            if (isFirst.getAndSet(false)) {
              begun.countDown();
              awaitQuietly(mayGoOn);
            }
          });
      Future<List<Mount>> first = threads.submit(() -> snapshots().mounts(extraction(0)));
      begun.await();
      Future<List<Mount>> second = threads.submit(() -> snapshots().mounts(extraction(0)));
      assertThat(snapshots().mounts(extraction(1))).isNotEmpty();
      assertThat(snapshots().stat(extraction(0)).name()).isEqualTo(extraction(0));
      assertThatThrownBy(() -> snapshots().remove(extraction(0)))
          .isInstanceOf(SnapshotException.FailedPrecondition.class)
          .hasMessageContaining("cannot remove snapshot");
      assertThatThrownBy(() -> snapshots().commit("base", extraction(0), "", NO_LABELS))
          .isInstanceOf(SnapshotException.FailedPrecondition.class)
          .hasMessageContaining("a layer is being unpacked into the snapshot");
      assertThatThrownBy(() -> apply(BASE, prepared))
          .isInstanceOf(SnapshotException.FailedPrecondition.class);
      snapshots().update(extraction(0), Map.of("label", "value"), List.of("labels.label"));
      assertThatThrownBy(() -> second.get(200, TimeUnit.MILLISECONDS))
          .as("the directory is not the one that shows the files yet")
          .isInstanceOf(TimeoutException.class);
      mayGoOn.countDown();
      assertThat(first.get()).isEqualTo(prepared);
      assertThat(second.get()).isEqualTo(prepared);
    }
    assertThat(snapshot(1).resolve("fs/etc/hostname")).hasContent("gatun");
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    assertThat(manifest("base")).isNotEmpty();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
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
            () ->
                unpacker
                    .find(mounts)
                    .unpack(
                        new BytesBlob(Compressed.gzip(BASE)),
                        false,
                        NextLayerHint.UNKNOWN,
                        cancelled))
        .isInstanceOf(CancellationException.class);
    assertThat(layers()).isEmpty();
    assertThat(snapshot(1).resolve("fs")).isEmptyDirectory();
    apply(BASE, mounts);
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    assertThat(manifest("base")).isNotEmpty();
  }

  @Test
  void aLayerThatIsReadAheadAndThatSomebodyElseMayKnowIsLeftToThem() throws Exception {
    byte[] blob = Compressed.zstdWithWindow(SECOND, 24);
    GatedBlob ahead = new GatedBlob(blob);
    ahead.open();
    unpacker
        .find(snapshots().prepare(extraction(0), "", NO_LABELS))
        .unpack(
            new BytesBlob(Compressed.gzip(BASE)),
            false,
            () -> Optional.of(ahead),
            new Cancellation());
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    ahead.awaitClosed();
    assertThat(ahead.isBegun()).isTrue();
    List<Mount> mounts = snapshots().prepare(extraction(1), "base", NO_LABELS);
    assertThatThrownBy(() -> apply(new BytesBlob(blob), mounts))
        .isInstanceOf(SnapshotException.Unsupported.class)
        .hasMessageContaining("a window of more than");
    assertThat(layers()).containsExactly(hex(BASE));
    assertThat(snapshot(2).resolve("fs")).isEmptyDirectory();
    apply(SECOND, mounts);
    snapshots().commit("second", extraction(1), "", NO_LABELS);
  }

  @Test
  void aFailureHalfWayNamesTheLayerTheEntryAndTheOffset() throws Exception {
    List<Mount> mounts = snapshots().prepare(extraction(0), "", NO_LABELS);
    // More than the pipeline reads and decompresses ahead.
    byte[] large =
        TarBuilder.pax().directory("a", 0755).file("a/large", 0644, new byte[16 << 20]).finish();
    String layer = "layer " + BytesBlob.digestOf(large);
    String place = "(read as far as entry \"a/large\" at offset 512)";
    assertThatThrownBy(() -> apply(new BytesBlob(large).failingAt(15 << 20), mounts))
        .isInstanceOf(SnapshotException.Unavailable.class)
        .hasMessageContaining(layer)
        .hasMessageEndingWith(place);
    AtomicInteger writes = new AtomicInteger();
    calls.precede(
        "write",
        () -> {
          if (writes.incrementAndGet() > 3) {
            throw new ErrnoException("pwrite", Errno.ENOSPC, LinuxPath.of("tar"));
          }
        });
    assertThatThrownBy(() -> apply(new BytesBlob(large), mounts))
        .isInstanceOf(SnapshotException.ResourceExhausted.class)
        .hasMessageContaining(layer)
        .hasMessageContaining("ENOSPC")
        .hasMessageEndingWith(place);
    calls.precede("write", () -> {});
    assertThat(layers()).isEmpty();
    assertThat(snapshot(1).resolve("fs")).isEmptyDirectory();
    apply(BASE, mounts);
  }

  /** As for a directory, the kernel reports a lost write once, and not which one. */
  @Test
  void aSyncOfALayerThatFailsConcernsAllThatIsNotCommitted() throws Exception {
    List<Mount> mounts = snapshots().prepare(extraction(0), "", NO_LABELS);
    apply(BASE, snapshots().prepare(extraction(1), "", NO_LABELS));
    calls.fail("syncData", Errno.EIO);
    assertThatThrownBy(() -> apply(SECOND, mounts))
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("EIO");
    calls.succeed("syncData");
    assertThat(layers()).containsExactly(hex(BASE));
    assertThat(snapshot(1).resolve("fs")).isEmptyDirectory();
    assertThatThrownBy(() -> apply(SECOND, mounts))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("the disk failed to sync");
    assertThatThrownBy(() -> snapshots().commit("base", extraction(1), "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("the disk failed to sync");
    snapshots().remove(extraction(1));
    unpack(BASE, "base", "");
    assertThat(manifest("base")).isNotEmpty();
  }

  @Test
  void aLayerThatHasNoIndexOnItsParentsLeavesNoTar() throws Exception {
    engine.close();
    open(newDirectory(LoopFilesystem.Kind.XFS), LayerSetting.INDEXED, TestRoots.REBASING, "boot");
    byte[] base =
        TarBuilder.pax().xattr("user.large", new byte[65_536]).directory("etc", 0750).finish();
    byte[] second = TarBuilder.pax().file("etc/file", 0644, "file").finish();
    apply(base, snapshots().prepare(extraction(0), "", NO_LABELS));
    apply(second, snapshots().prepare(extraction(1), "", NO_LABELS));
    assertThat(layers()).containsExactly(hex(second));
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    snapshots().commit("second", extraction(1), "base", NO_LABELS);
    assertThat(snapshot(2).resolve("fs/etc/file")).hasContent("file");
    assertThat(layers()).isEmpty();
  }

  private void reopen(Disk disk, OverlaySettings overlay, SyncPolicy sync) throws Exception {
    engine.close();
    directory = newDirectory(LoopFilesystem.Kind.EXT4);
    engine =
        EngineRoot.open(
            disk,
            TestRoots.settings(directory, DriverSetting.OVERLAY, overlay)
                .withLayers(LayerSetting.INDEXED)
                .withLayerSync(sync),
            InstantSource.system(),
            LayerBlobs.NONE,
            "boot");
    unpacker = engine.unpacker(2);
  }

  /** The record may be on disk, and appear when the root is opened again. */
  @Test
  void theIndexStaysThatTheRecordOfAFailedCommitMayName() throws Exception {
    reopen(calls.disk(), TestRoots.REBASING, SyncPolicy.NONE);
    apply(BASE, snapshots().prepare(extraction(0), "", NO_LABELS));
    snapshots().commit("base", extraction(0), "", NO_LABELS);
    apply(SECOND, snapshots().prepare(extraction(1), "", NO_LABELS));
    Path layer = directory.resolve("layers").resolve(hex(SECOND));
    Set<String> before = TestEngine.names(layer);
    int syncs = calls.count("syncData");
    calls.fail("syncData", Errno.EIO);
    assertThatThrownBy(() -> snapshots().commit("second", extraction(1), "base", NO_LABELS))
        .isInstanceOf(SnapshotException.class);
    assertThat(calls.count("syncData")).isGreaterThan(syncs);
    assertThat(TestEngine.names(layer)).containsAll(before).hasSizeGreaterThan(before.size());
    calls.succeed("syncData");
  }

  @ParameterizedTest
  @EnumSource
  void largeTarsPassThePageCacheByUnlessNobodyWaitsForTheDisk(SyncPolicy sync) throws Exception {
    AtomicLong directBytes = new AtomicLong();
    Disk counting =
        new ForwardingDisk(new LinuxDisk()) {
          @Override
          public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
            int written = super.write(file, buffer, offset);
            if (file.path().toString().endsWith("/tar") && DescriptorFlags.areDirect(file)) {
              directBytes.addAndGet(written);
            }
            return written;
          }
        };
    reopen(counting, TestRoots.PLAIN, sync);
    byte[] content = new byte[16 << 20];
    new Random(1).nextBytes(content);
    byte[] layer = TarBuilder.pax().file("large", 0644, content).finish();
    apply(layer, snapshots().prepare(extraction(0), "", NO_LABELS));
    // A slow disk stops direct writes after the first.
    assertThat(directBytes.get() > 0).isEqualTo(sync != SyncPolicy.NONE);
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
    // The mounts work before and after a request for them.
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
  @Timeout(60)
  void whoMountsOneLayerKeepsNobodyFromAnother() throws Exception {
    unpack(BASE, "base", "");
    unpack(THIRD, "other", "");
    // The mount first has to delete the leftover of a crash.
    Files.createDirectory(snapshot(1).resolve("fs"));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch mayGoOn = new CountDownLatch(1);
    AtomicReference<Thread> slow = new AtomicReference<>();
    calls.precede(
        "removeDirectory",
        () -> {
          if (Thread.currentThread() == slow.get()) {
            begun.countDown();
            awaitQuietly(mayGoOn);
          }
        });
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      Future<List<Mount>> first =
          threads.submit(
              () -> {
                slow.set(Thread.currentThread());
                return snapshots().prepare("on base", "base", NO_LABELS);
              });
      begun.await();
      try (KernelMount other =
          KernelMount.of(snapshots().prepare("on other", "other", NO_LABELS))) {
        assertThat(other.path().resolve("opt/deep/last")).hasContent("last");
      }
      snapshots().remove("on other");
      mayGoOn.countDown();
      try (KernelMount base = KernelMount.of(first.get())) {
        assertThat(base.path().resolve("etc/hostname")).hasContent("gatun");
      }
    }
  }

  @Test
  void whatSeveralSnapshotsNeedIsMountedAgainAndStaysForTheLastOfThem() throws Exception {
    unpackAll();
    snapshots().prepare("first", "chain-2", NO_LABELS);
    snapshots().prepare("second", "chain-2", NO_LABELS);
    snapshots().view("third", "chain-0", NO_LABELS);
    reboot();
    assertThat(mounted()).containsExactly(1L, 2L, 3L);
    snapshots().remove("first");
    snapshots().remove("third");
    try (KernelMount second = KernelMount.of(snapshots().mounts("second"))) {
      assertThat(second.path().resolve("opt/deep/last")).hasContent("last");
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
    await()
        .atMost(Duration.ofMinutes(1))
        .untilAsserted(() -> assertThat(mounted()).containsExactly(1L));
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
