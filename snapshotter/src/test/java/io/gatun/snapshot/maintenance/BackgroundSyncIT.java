package io.gatun.snapshot.maintenance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.KernelMounts;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.engine.TestRoots;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers that are synced after their commit was acknowledged, at once or later. */
@Timeout(60)
@Execution(ExecutionMode.CONCURRENT)
class BackgroundSyncIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();

  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final byte[] LAYER =
      TarBuilder.pax().directory("opt", 0755).file("opt/file", 0644, "file").finish();

  private static final byte[] BELOW = TarBuilder.pax().owner(7, 8).directory("opt", 0700).finish();

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());
  private final Map<Digest, byte[]> blobs = new ConcurrentHashMap<>();

  /** Until this opens, nothing is synced in the background. */
  private final CountDownLatch gate = new CountDownLatch(1);

  /** How many of the syncs after that fail. */
  private final AtomicInteger failures = new AtomicInteger();

  private Path directory;
  private EngineRoot engine;

  @BeforeEach
  void open() throws Exception {
    directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("background-");
    calls.precede(
        "syncData",
        () -> {
          if (isSettling()) {
            waitFor(gate);
            if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
              throw new ErrnoException("syncData", Errno.EIO, LinuxPath.of("injected"));
            }
          }
        });
    open(LayerSetting.INDEXED, SyncPolicy.BACKGROUND);
  }

  private void open(LayerSetting layers, SyncPolicy sync) throws Exception {
    engine =
        EngineRoot.open(
            calls.disk(),
            TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
                .withLayers(layers)
                .withLayerSync(sync),
            InstantSource.system(),
            this::blob,
            "boot");
  }

  private Optional<LayerBlob> blob(Digest digest) {
    return Optional.ofNullable(blobs.get(digest)).map(BytesBlob::new);
  }

  private static boolean isSettling() {
    return StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
        .walk(calls -> calls.anyMatch(call -> call.getDeclaringClass() == BackgroundSync.class));
  }

  private static void waitFor(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void close() throws Exception {
    gate.countDown();
    engine.close();
    KernelMounts.detachAll(directory);
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private static String key(String name) {
    return "k8s.io/1/extract-123456789-ab12 sha256:" + name;
  }

  private void unpack(byte[] layer, String name, String parent, boolean syncRequested) {
    apply(layer, key(name), parent, syncRequested);
    snapshots().commit(name, key(name), "", NO_LABELS);
  }

  private void apply(byte[] layer, String key, String parent, boolean syncRequested) {
    unpack(snapshots().prepare(key, parent, NO_LABELS), layer, syncRequested);
  }

  private void unpack(List<Mount> mounts, byte[] layer, boolean syncRequested) {
    byte[] blob = Compressed.gzip(layer);
    blobs.put(BytesBlob.digestOf(blob), blob);
    engine
        .unpacker(1)
        .find(mounts)
        .unpack(new BytesBlob(blob), syncRequested, NextLayerHint.UNKNOWN, new Cancellation());
  }

  private Set<String> names(byte[] layer) {
    return TestEngine.names(directory.resolve("layers").resolve(BytesBlob.digestOf(layer).hex()));
  }

  private Path tar(byte[] layer) {
    return directory.resolve("layers").resolve(BytesBlob.digestOf(layer).hex()).resolve("tar");
  }

  private static String mark(byte[] layer) {
    return "unsynced-" + BytesBlob.digestOf(Compressed.gzip(layer)).hex();
  }

  private static String record(byte[] layer) {
    return "blob-" + BytesBlob.digestOf(Compressed.gzip(layer)).hex();
  }

  private void awaitSettled(byte[] layer) {
    await().atMost(PATIENCE).until(() -> !names(layer).contains(mark(layer)));
    assertThat(names(layer)).contains(record(layer));
  }

  private void assertSeen(String name) throws Exception {
    try (KernelMount view = KernelMount.of(snapshots().view("view", name, NO_LABELS))) {
      assertThat(view.path().resolve("opt/file")).hasContent("file");
    } finally {
      snapshots().remove("view");
    }
  }

  /** Changes the tar like a disk that lost it; a process that has it mounted does not notice. */
  private void damage(byte[] layer) throws IOException {
    byte[] content = Files.readAllBytes(tar(layer));
    content[content.length / 3] ^= 1;
    Path other = Files.write(directory.resolveSibling(directory.getFileName() + ".tar"), content);
    Files.move(other, tar(layer), StandardCopyOption.ATOMIC_MOVE);
  }

  @Test
  void theCommitIsAnsweredFirstAndTheMarkGoesWhenAllIsOnTheDisk() throws Exception {
    unpack(LAYER, "layer", "", false);
    assertSeen("layer");
    assertThat(names(LAYER)).contains(mark(LAYER)).doesNotContain(record(LAYER));
    gate.countDown();
    awaitSettled(LAYER);
    assertSeen("layer");
  }

  @Test
  void whoAsksForASyncWaitsForIt() throws Exception {
    unpack(LAYER, "layer", "", true);
    assertThat(names(LAYER)).contains(record(LAYER)).doesNotContain(mark(LAYER));
  }

  @Test
  void anIndexBesideATarThatIsOnTheDiskIsMarkedAsWell() throws Exception {
    unpack(LAYER, "layer", "", true);
    unpack(BELOW, "below", "", true);
    unpack(LAYER, "on top", "below", false);
    assertThat(names(LAYER)).contains(record(LAYER), mark(LAYER));
    gate.countDown();
    awaitSettled(LAYER);
    assertSeen("on top");
  }

  @Test
  void whatAFailedSyncHasLeftWholeStays() throws Exception {
    unpack(LAYER, "layer", "", false);
    Object file = Files.getAttribute(tar(LAYER), "unix:ino");
    failures.set(1);
    gate.countDown();
    awaitSettled(LAYER);
    assertThat(failures).hasValue(0);
    assertThat(Files.getAttribute(tar(LAYER), "unix:ino")).isEqualTo(file);
  }

  @Test
  void whatAFailedSyncHasLostIsRebuiltUnderWhoeverUsesIt() throws Exception {
    unpack(LAYER, "layer", "", false);
    try (KernelMount running =
        KernelMount.of(snapshots().prepare("container", "layer", NO_LABELS))) {
      damage(LAYER);
      failures.set(1);
      gate.countDown();
      awaitSettled(LAYER);
      assertThat(failures).hasValue(0);
      assertThat(Files.readAllBytes(tar(LAYER))).isEqualTo(LAYER);
      assertThat(running.path().resolve("opt/file")).hasContent("file");
    }
    assertSeen("layer");
    KernelMount.of(snapshots().mounts("container")).close();
  }

  @Test
  void whatHasVanishedBeforeItsTurnIsRebuilt() throws Exception {
    unpack(LAYER, "layer", "", false);
    // Its sync comes after the one that waits.
    unpack(BELOW, "another", "", false);
    Files.delete(tar(BELOW));
    gate.countDown();
    awaitSettled(BELOW);
    assertThat(Files.readAllBytes(tar(BELOW))).isEqualTo(BELOW);
  }

  @Test
  void whatAFailedSyncHasLostIsMissingWithoutItsBlob() throws Exception {
    unpack(LAYER, "layer", "", false);
    damage(LAYER);
    blobs.clear();
    failures.set(1);
    gate.countDown();
    await().atMost(PATIENCE).until(() -> !isThere("layer"));
    assertThat(failures).hasValue(0);
    assertThatThrownBy(() -> snapshots().prepare("container", "layer", NO_LABELS))
        .isInstanceOf(SnapshotException.NotFound.class)
        .hasMessageContaining(" is missing");
    assertThat(names(LAYER)).contains(mark(LAYER));
  }

  private boolean isThere(String name) {
    try {
      snapshots().stat(name);
      return true;
    } catch (SnapshotException.NotFound e) {
      assertThat(e).hasMessageContaining(" is missing");
      return false;
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BACKGROUND", "NONE"})
  void whatTheDaemonHasNotGotAroundToIsSeenToAtTheNextStart(SyncPolicy sync) throws Exception {
    reopen(sync);
    unpack(LAYER, "layer", "", false);
    closeUnsettled();
    assertThat(names(LAYER)).contains(mark(LAYER));
    open(LayerSetting.INDEXED, sync);
    assertThat(names(LAYER)).contains(record(LAYER)).doesNotContain(mark(LAYER));
    assertSeen("layer");
  }

  @ParameterizedTest
  @EnumSource(names = {"BACKGROUND", "NONE"})
  void whatAPowerCutHasDamagedIsRebuilt(SyncPolicy sync) throws Exception {
    unpackAndLose(sync);
    openAfterBoot();
    assertThat(Files.readAllBytes(tar(LAYER))).isEqualTo(LAYER);
    assertThat(names(LAYER)).contains(record(LAYER)).doesNotContain(mark(LAYER));
    assertSeen("layer");
  }

  @ParameterizedTest
  @EnumSource(names = {"BACKGROUND", "NONE"})
  void whatAPowerCutHasDamagedIsMissingWithoutItsBlob(SyncPolicy sync) throws Exception {
    unpackAndLose(sync);
    blobs.clear();
    openAfterBoot();
    assertThat(isThere("layer")).isFalse();
  }

  /** A power failure between Apply and Commit. */
  @Test
  void whatWasAppliedAndNotCommittedIsSeenToAtTheNextStart() throws Exception {
    apply(LAYER, key("layer"), "", false);
    engine.close();
    damage(LAYER);
    openAfterBoot();
    snapshots().commit("layer", key("layer"), "", NO_LABELS);
    assertThat(Files.readAllBytes(tar(LAYER))).isEqualTo(LAYER);
    assertSeen("layer");
  }

  @Test
  void whatWasAppliedAndNotCommittedHasToBeAppliedAgainWithoutItsBlob() throws Exception {
    apply(LAYER, key("layer"), "", false);
    engine.close();
    damage(LAYER);
    blobs.clear();
    openAfterBoot();
    assertThatThrownBy(() -> snapshots().commit("layer", key("layer"), "", NO_LABELS))
        .isInstanceOf(SnapshotException.FailedPrecondition.class);
    assertThat(directory.resolve("layers")).isEmptyDirectory();
    unpack(snapshots().mounts(key("layer")), LAYER, false);
    snapshots().commit("layer", key("layer"), "", NO_LABELS);
    assertSeen("layer");
  }

  @Test
  void noneHasNobodyWaitForTheDisk() throws Exception {
    reopen(SyncPolicy.NONE);
    apply(BELOW, key("layer"), "", false);
    List<Mount> mounts = snapshots().prepare(key("on top"), "", NO_LABELS);
    int before = syncs();
    unpack(mounts, LAYER, false);
    assertThat(syncs()).as("syncs of an apply").isEqualTo(before);
    snapshots().commit("on top", key("on top"), "", NO_LABELS);
    assertThat(names(LAYER)).contains(mark(LAYER)).doesNotContain(record(LAYER));
    assertSeen("on top");
  }

  @Test
  void whatNobodyWaitedForIsOnTheDiskWhenTheDaemonHasStopped() throws Exception {
    reopen(SyncPolicy.NONE);
    unpack(LAYER, "layer", "", false);
    unpack(BELOW, "another", "", false);
    assertThat(names(LAYER)).contains(mark(LAYER));
    gate.countDown();
    engine.close();
    for (byte[] layer : List.of(LAYER, BELOW)) {
      assertThat(names(layer)).contains(record(layer)).doesNotContain(mark(layer));
    }
    open(LayerSetting.INDEXED, SyncPolicy.NONE);
    assertSeen("layer");
  }

  @Test
  void aLayerThatIsOnTheDiskIsNotMarkedForHavingAnotherSnapshot() throws Exception {
    unpack(LAYER, "layer", "", true);
    apply(LAYER, key("other"), "", false);
    assertThat(names(LAYER)).contains(record(LAYER)).doesNotContain(mark(LAYER));
  }

  @Test
  void theMarkGoesWithTheIndexThatNobodyNeeds() throws Exception {
    unpack(LAYER, "layer", "", true);
    unpack(BELOW, "below", "", true);
    apply(LAYER, key("on top"), "below", false);
    assertThat(names(LAYER)).contains(mark(LAYER));
    snapshots().remove(key("on top"));
    assertThat(names(LAYER)).contains(record(LAYER)).doesNotContain(mark(LAYER));
    assertSeen("layer");
  }

  private int syncs() {
    return calls.count("syncData") + calls.count("sync") + calls.count("syncFilesystem");
  }

  /** An earlier sync would write data that the kernel has not yet written back by itself. */
  @Test
  void noneSyncsWhenTheKernelHasWritten() throws IOException {
    long centiseconds =
        kernelSetting("dirty_expire_centisecs") + kernelSetting("dirty_writeback_centisecs");
    assertThat(SyncPolicy.NONE.delay()).isGreaterThan(Duration.ofMillis(10 * centiseconds));
    assertThat(SyncPolicy.BACKGROUND.delay()).isZero();
  }

  private static long kernelSetting(String name) throws IOException {
    return Long.parseLong(Files.readString(Path.of("/proc/sys/vm", name)).strip());
  }

  /** Ends in a power failure after which the disk has other data than was written. */
  private void unpackAndLose(SyncPolicy sync) throws Exception {
    reopen(sync);
    unpack(LAYER, "layer", "", false);
    closeUnsettled();
    damage(LAYER);
  }

  /** As if the daemon had been killed before it could sync anything. */
  private void closeUnsettled() throws Exception {
    failures.set(Integer.MAX_VALUE);
    gate.countDown();
    engine.close();
    failures.set(0);
  }

  private void reopen(SyncPolicy sync) throws Exception {
    engine.close();
    open(LayerSetting.INDEXED, sync);
  }

  private void openAfterBoot() throws Exception {
    engine =
        EngineRoot.open(
            calls.disk(),
            TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN)
                .withLayers(LayerSetting.INDEXED),
            InstantSource.system(),
            this::blob,
            "another boot");
  }

  @Test
  void layersThatAreDirectoriesAreSyncedBeforeTheirCommit() throws Exception {
    engine.close();
    open(LayerSetting.DIRECTORY, SyncPolicy.BACKGROUND);
    int syncs = calls.layerSyncs();
    unpack(LAYER, "layer", "", false);
    assertThat(calls.layerSyncs()).isGreaterThan(syncs);
  }
}
