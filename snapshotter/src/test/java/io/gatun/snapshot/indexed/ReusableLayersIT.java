package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
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
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers that exist already, requested in the way of containerd's metadata layer and unpacker. */
class ReusableLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final String NAMESPACE = "k8s.io";

  /** Many more attempts than containerd makes. */
  private static final int ATTEMPTS_MAX = 50;

  private static final byte[] BASE =
      TarBuilder.pax()
          .modified(1_000)
          .directory("etc", 0750)
          .file("etc/hostname", 0644, "gatun")
          .file("etc/gone", 0644, "gone")
          .owner(7, 8)
          .directory("opt", 01777)
          .finish();

  private static final byte[] OTHER_BASE =
      TarBuilder.pax()
          .modified(1_500)
          .directory("etc", 0711)
          .file("etc/gone", 0644, "gone")
          .file("etc/hostname", 0600, "other")
          .owner(9, 10)
          .directory("opt", 0700)
          .finish();

  /** A layer that inherits from the layers below. */
  private static final byte[] SECOND =
      TarBuilder.pax()
          .modified(2_000)
          .file("opt/file", 0644, "x".repeat(100_000))
          .whiteout("etc/gone")
          .finish();

  private static final byte[] THIRD =
      TarBuilder.pax().modified(3_000).directory("usr", 0755).file("usr/f", 0600, "f").finish();

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());
  private final AtomicInteger sequence = new AtomicInteger();
  private final AtomicInteger applied = new AtomicInteger();
  private Path directory;
  private EngineRoot engine;
  private LayerUnpacker unpacker;

  @BeforeEach
  void open() throws Exception {
    open(newDirectory(), LayerSetting.INDEXED, TestRoots.PLAIN, SyncPolicy.COMMIT);
  }

  private static Path newDirectory() {
    return FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("shared-");
  }

  private void open(Path root, LayerSetting layers, OverlaySettings overlay, SyncPolicy sync)
      throws Exception {
    directory = root;
    engine =
        EngineRoot.open(
            calls.disk(),
            TestRoots.settings(root, DriverSetting.OVERLAY, overlay)
                .withLayers(layers)
                .withLayerSync(sync),
            InstantSource.system(),
            LayerBlobs.NONE,
            "boot");
    unpacker = engine.unpacker(2);
  }

  private void reopen(LayerSetting layers, OverlaySettings overlay) throws Exception {
    engine.close();
    open(directory, layers, overlay, SyncPolicy.COMMIT);
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    KernelMounts.detachAll(directory);
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  // containerd's side of the protocol.

  private String key(String namespace, Digest chainId) {
    int number = sequence.incrementAndGet();
    return "%s/%d/extract-12345678-ab%d %s".formatted(namespace, number, number, chainId);
  }

  private static Map<String, String> labels(Digest chainId) {
    return Map.of("containerd.io/snapshot.ref", chainId.text());
  }

  private static Digest chainId(String parent, byte[] layer) {
    Optional<Digest> below = parent.isEmpty() ? Optional.empty() : ChainId.in(parent);
    return ChainId.of(below, BytesBlob.digestOf(layer));
  }

  /**
   * {@return the snapshots that containerd's metadata layer finds after the answer that a layer
   * exists}
   */
  private Map<String, SnapshotInfo> look(Digest chainId, String parent) {
    return TestEngine.list(
        snapshots(),
        "labels.\"containerd.io/snapshot.ref\"==%s,parent==\"%s\"".formatted(chainId, parent));
  }

  /** {@return the name of the snapshot with the layer} */
  private String unpack(String namespace, byte[] layer, String parent) {
    Digest chainId = chainId(parent, layer);
    String key = key(namespace, chainId);
    try {
      List<Mount> mounts = snapshots().prepare(key, parent, labels(chainId));
      apply(layer, mounts);
      String name = "%s/%d/%s".formatted(namespace, sequence.incrementAndGet(), chainId);
      snapshots().commit(name, key, "", labels(chainId));
      return name;
    } catch (SnapshotException.AlreadyExists e) {
      assertThat(e).hasMessage("prepare %s: the layer is there, in a committed snapshot", key);
      return look(chainId, parent).values().stream()
          .filter(ReusableLayersIT::isCommitted)
          .findFirst()
          .orElseThrow()
          .name();
    }
  }

  private void apply(byte[] layer, List<Mount> mounts) {
    var _ =
        unpacker
            .find(mounts)
            .unpack(
                new BytesBlob(Compressed.gzip(layer)),
                false,
                NextLayerHint.UNKNOWN,
                new Cancellation());
    applied.incrementAndGet();
  }

  private String unpack(byte[]... layers) {
    String parent = "";
    for (byte[] layer : layers) {
      parent = unpack(NAMESPACE, layer, parent);
    }
    return parent;
  }

  private int appliesOf(Runnable work) {
    int before = applied.get();
    work.run();
    return applied.get() - before;
  }

  private List<String> manifest(String name) throws Exception {
    String key = "view of " + name;
    try (KernelMount view = KernelMount.of(snapshots().view(key, name, NO_LABELS))) {
      // No layer sets the time of the top; it is when the directory was created.
      List<String> all = TreeManifest.of(view.path(), Set.of(TreeManifest.Detail.DIRECTORY_TIMES));
      return all.subList(1, all.size());
    } finally {
      snapshots().remove(key);
    }
  }

  private Set<String> files(byte[] layer) {
    return TestEngine.names(directory.resolve("layers").resolve(BytesBlob.digestOf(layer).hex()));
  }

  /**
   * Removes all snapshots, children before their parents, and checks after a restart of the daemon
   * that no files are left.
   */
  private void removeAll() throws Exception {
    for (int left = 1; left > 0; left = TestEngine.list(snapshots()).size()) {
      for (SnapshotInfo each : TestEngine.list(snapshots()).values()) {
        if (look(each.name()).isEmpty()) {
          snapshots().remove(each.name());
        }
      }
    }
    reopen(LayerSetting.INDEXED, TestRoots.PLAIN);
    snapshots().cleanup();
    assertThat(TestEngine.names(directory.resolve("snapshots"))).isEmpty();
    assertThat(TestEngine.names(directory.resolve("trash"))).isEmpty();
    assertThat(TestEngine.names(directory.resolve("layers"))).isEmpty();
    engine.close();
    assertThat(RootCheck.of(directory).findings()).isEmpty();
  }

  private Map<String, SnapshotInfo> look(String parent) {
    return TestEngine.list(snapshots(), "parent==\"%s\"".formatted(parent));
  }

  // Existing layers.

  @Test
  void theSameLayersOnAnotherBaseAreNotUnpackedAndShowWhatTheyWould() throws Exception {
    close();
    open(newDirectory(), LayerSetting.DIRECTORY, TestRoots.PLAIN, SyncPolicy.COMMIT);
    List<String> expected = manifest(unpack(OTHER_BASE, SECOND, THIRD));
    close();
    open(newDirectory(), LayerSetting.INDEXED, TestRoots.PLAIN, SyncPolicy.COMMIT);
    assertThat(appliesOf(() -> unpack(BASE, SECOND, THIRD))).isEqualTo(3);
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND, THIRD))).isEqualTo(1);
    String top = unpack(OTHER_BASE, SECOND, THIRD);
    assertThat(manifest(top)).isEqualTo(expected);
    // A layer that inherits nothing has one index.
    assertThat(files(SECOND)).filteredOn(name -> name.startsWith("index-")).hasSize(2);
    assertThat(files(THIRD)).filteredOn(name -> name.startsWith("index-")).hasSize(1);
    assertThat(snapshots().usage(top)).isEqualTo(new Usage(0, 0));
    reopen(LayerSetting.INDEXED, TestRoots.PLAIN);
    assertThat(manifest(top)).isEqualTo(expected);
    removeAll();
  }

  @Test
  void aLayerThatIsUpperElsewhereIsThereAsABase() throws Exception {
    unpack(BASE, SECOND);
    assertThat(appliesOf(() -> unpack(SECOND))).isZero();
    String base = unpack(SECOND);
    assertThat(manifest(base)).noneMatch(line -> line.contains("gone"));
    assertThat(snapshots().stat(base).parent()).isEmpty();
    removeAll();
  }

  @Test
  void whatContainerdFindsIsCommittedUnderTheKeyWithTheLabelsThatWereAsked() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    Map<String, String> labels = new HashMap<>(labels(chainId));
    labels.put("containerd.io/snapshot/cri.image-ref", "image");
    String key = key(NAMESPACE, chainId);
    assertThatThrownBy(() -> snapshots().prepare(key, parent, labels))
        .isInstanceOf(SnapshotException.AlreadyExists.class);
    assertThat(look(chainId, parent)).containsOnlyKeys(key);
    SnapshotInfo found = snapshots().stat(key);
    assertThat(found.kind()).isEqualTo(Kind.COMMITTED);
    assertThat(found.parent()).isEqualTo(parent);
    assertThat(found.labels()).isEqualTo(labels);
    assertThat(found.updated()).isEqualTo(found.created());
    try (KernelMount container = KernelMount.of(snapshots().prepare("container", key, NO_LABELS))) {
      assertThat(container.path().resolve("opt/file")).hasSize(100_000);
      assertThat(container.path().resolve("etc/gone")).doesNotExist();
    }
    removeAll();
  }

  @Test
  void whoAsksAgainFindsTheSameSnapshot() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    for (int i = 0; i < 3; i++) {
      String key = key(NAMESPACE, chainId);
      assertThatThrownBy(() -> snapshots().prepare(key, parent, labels(chainId)))
          .isInstanceOf(SnapshotException.AlreadyExists.class);
    }
    assertThat(look(chainId, parent)).hasSize(1);
    removeAll();
  }

  /** Like a snapshot that containerd has removed from its metadata and not collected yet. */
  @Test
  void aSnapshotThatWasUnpackedBeforeIsTakenOnceMore() throws Exception {
    String top = unpack(BASE, SECOND);
    assertThat(appliesOf(() -> unpack(BASE, SECOND))).isZero();
    assertThat(unpack(BASE, SECOND)).isEqualTo(top);
    assertThat(TestEngine.list(snapshots())).hasSize(2);
  }

  @Test
  @Timeout(60)
  void ofSeveralWhoAskAtOnceOneHasItCommitted() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    List<Future<?>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      for (int i = 0; i < 8; i++) {
        String key = key(NAMESPACE, chainId);
        all.add(
            threads.submit(
                () ->
                    assertThatThrownBy(() -> snapshots().prepare(key, parent, labels(chainId)))
                        .isInstanceOf(SnapshotException.AlreadyExists.class)));
      }
      for (Future<?> each : all) {
        each.get();
      }
    }
    assertThat(look(chainId, parent)).hasSize(1);
    removeAll();
  }

  @Test
  void theLayerStaysForWhoHasItAndGoesWithTheLast() throws Exception {
    String first = unpack(BASE, SECOND);
    String second = unpack(OTHER_BASE, SECOND);
    List<String> expected = manifest(second);
    snapshots().remove(first);
    assertThat(manifest(second)).isEqualTo(expected);
    assertThat(snapshots().usage(second).inodes()).isEqualTo(2);
    assertThat(files(SECOND)).filteredOn(name -> name.startsWith("index-")).hasSize(1);
    // This namespace has the layer only through its reuse.
    assertThat(appliesOf(() -> unpack(BASE, SECOND))).isZero();
    snapshots().remove(second);
    removeAll();
  }

  @Test
  void aLayerThatWasNotUnpackedCanBeConverted() throws Exception {
    unpack(BASE, SECOND);
    String top = unpack(OTHER_BASE, SECOND);
    List<String> expected = manifest(top);
    engine.converter().layOut(top, new Cancellation());
    assertThat(manifest(top)).isEqualTo(expected);
    engine.converter().index(top, new BytesBlob(Compressed.gzip(SECOND)), new Cancellation());
    assertThat(manifest(top)).isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource
  void whatIsCommittedIsOnTheDiskInTheEndWhenLayersAreSynced(SyncPolicy sync) throws Exception {
    close();
    open(newDirectory(), LayerSetting.INDEXED, TestRoots.PLAIN, sync);
    unpack(BASE, SECOND);
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isEqualTo(1);
    List<String> expected = manifest(unpack(OTHER_BASE, SECOND));
    if (sync == SyncPolicy.COMMIT) {
      assertThat(files(SECOND)).noneMatch(name -> name.startsWith("unsynced-"));
    }
    engine.close();
    open(directory, LayerSetting.INDEXED, TestRoots.PLAIN, sync);
    // A daemon that stops finishes its background syncs.
    assertThat(files(SECOND)).noneMatch(name -> name.startsWith("unsynced-"));
    assertThat(manifest(unpack(OTHER_BASE, SECOND))).isEqualTo(expected);
    removeAll();
  }

  // Layers that have to be unpacked.

  private void assertIsUnpacked(String key, String parent, Map<String, String> labels) {
    List<Mount> mounts = snapshots().prepare(key, parent, labels);
    assertThat(mounts).isNotEmpty();
    assertThat(snapshots().stat(key).kind()).isEqualTo(Kind.ACTIVE);
    snapshots().remove(key);
  }

  @Test
  void aNamespaceGetsNoLayerThatItDoesNotHave() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack("other", OTHER_BASE, "");
    assertThat(appliesOf(() -> unpack("other", SECOND, parent))).isEqualTo(1);
    // Now the namespace has a snapshot with the layer.
    assertThat(appliesOf(() -> unpack("other", THIRD, unpack("other", BASE, "")))).isEqualTo(2);
    assertThat(appliesOf(() -> unpack("other", SECOND, unpack("other", BASE, "")))).isZero();
    // A prefix of a namespace is another namespace.
    Digest chainId = chainId(unpack("k8s", OTHER_BASE, ""), SECOND);
    assertIsUnpacked(key("k8s", chainId), unpack("k8s", OTHER_BASE, ""), labels(chainId));
  }

  @Test
  void anActiveSnapshotWithTheLayerGivesNobodyAnything() throws Exception {
    Digest own = chainId("", SECOND);
    String active = key(NAMESPACE, own);
    apply(SECOND, snapshots().prepare(active, "", labels(own)));
    String parent = unpack(BASE);
    Digest chainId = chainId(parent, SECOND);
    assertIsUnpacked(key(NAMESPACE, chainId), parent, labels(chainId));
  }

  @Test
  void onlyWhatSaysWithoutDoubtWhichLayerItIsForIsAnswered() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    Digest another = chainId(parent, THIRD);
    Map<String, String> hint =
        Map.of(
            "containerd.io/snapshot.ref",
            chainId.text(),
            "containerd.io/snapshot/diff-id",
            BytesBlob.digestOf(THIRD).text());
    assertIsUnpacked(key(NAMESPACE, chainId), parent, NO_LABELS);
    assertIsUnpacked(key(NAMESPACE, chainId), parent, labels(another));
    assertIsUnpacked(key(NAMESPACE, another), parent, labels(chainId));
    assertIsUnpacked(key(NAMESPACE, another), parent, labels(another));
    assertIsUnpacked(key(NAMESPACE, chainId), parent, hint);
    assertIsUnpacked(key(NAMESPACE, chainId), "", labels(chainId));
    assertIsUnpacked("k8s.io/7/container " + chainId, parent, labels(chainId));
    assertIsUnpacked("extract-7-ab " + chainId, parent, labels(chainId));
    for (String text : List.of("sha256:", "SHA256:" + chainId.hex(), "x", chainId.hex())) {
      assertIsUnpacked(
          "k8s.io/7/extract-7-ab " + text, parent, Map.of("containerd.io/snapshot.ref", text));
    }
    String view = "k8s.io/8/extract-8-ab " + chainId;
    assertThat(snapshots().view(view, parent, labels(chainId))).isNotEmpty();
    snapshots().remove(view);
    // The layer existed all the time.
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isZero();
  }

  @Test
  void theDiffIdIsTakenWhereItIsTold() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    Map<String, String> labels = new HashMap<>(labels(chainId));
    labels.put("containerd.io/snapshot/diff-id", BytesBlob.digestOf(SECOND).text());
    assertThatThrownBy(() -> snapshots().prepare(key(NAMESPACE, chainId), parent, labels))
        .isInstanceOf(SnapshotException.AlreadyExists.class);
  }

  @Test
  void aParentThatIsNoChainSaysNothing() throws Exception {
    unpack(BASE, SECOND);
    snapshots().prepare("by hand", "", NO_LABELS);
    snapshots().commit("k8s.io/9/by hand", "by hand", "", NO_LABELS);
    Digest chainId = chainId("", SECOND);
    assertIsUnpacked(key(NAMESPACE, chainId), "k8s.io/9/by hand", labels(chainId));
  }

  @Test
  void ownersOfAUserNamespaceAreLeftToWhoUnpacks() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    Map<String, String> labels = new HashMap<>(labels(chainId));
    labels.put("containerd.io/snapshot/uidmapping", "0:1000:10");
    labels.put("containerd.io/snapshot/gidmapping", "0:1000:10");
    assertIsUnpacked(key(NAMESPACE, chainId), parent, labels);
  }

  @Test
  void withRebaseAndWithDirectoriesEveryLayerIsUnpacked() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    reopen(LayerSetting.INDEXED, TestRoots.REBASING);
    assertIsUnpacked(key(NAMESPACE, chainId), parent, labels(chainId));
    Digest base = chainId("", SECOND);
    assertIsUnpacked(key(NAMESPACE, base), "", labels(base));
    reopen(LayerSetting.DIRECTORY, TestRoots.PLAIN);
    assertIsUnpacked(key(NAMESPACE, chainId), parent, labels(chainId));
    reopen(LayerSetting.INDEXED, TestRoots.PLAIN);
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isZero();
  }

  @Test
  void aLayerThatIsADirectoryIsUnpacked() throws Exception {
    String top = unpack(BASE, SECOND);
    engine.converter().layOut(top, new Cancellation());
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isEqualTo(2);
  }

  @Test
  void aLayerThatIsLostIsUnpackedOnceMore() throws Exception {
    unpack(BASE, SECOND);
    engine.close();
    Files.delete(
        directory.resolve("layers").resolve(BytesBlob.digestOf(SECOND).hex()).resolve("tar"));
    open(directory, LayerSetting.INDEXED, TestRoots.PLAIN, SyncPolicy.COMMIT);
    assertThat(appliesOf(() -> unpack(BASE, SECOND))).isEqualTo(1);
    // The snapshot that had lost the layer has it again, and containerd may find that snapshot.
    assertThat(appliesOf(() -> unpack(BASE, SECOND))).isZero();
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isEqualTo(1);
    assertThat(manifest(unpack(OTHER_BASE, SECOND))).isNotEmpty();
  }

  @Test
  void aTarThatNoApplyVouchesForIsReadAnew() throws Exception {
    unpack(BASE, SECOND);
    engine.close();
    Path layer = directory.resolve("layers").resolve(BytesBlob.digestOf(SECOND).hex());
    for (String file : TestEngine.names(layer)) {
      if (file.startsWith("blob-")) {
        Files.delete(layer.resolve(file));
      }
    }
    open(directory, LayerSetting.INDEXED, TestRoots.PLAIN, SyncPolicy.COMMIT);
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isEqualTo(2);
  }

  @Test
  void aTarThatTurnsOutToBeDamagedIsLeftToTheApplyWhichHasTheBlob() throws Exception {
    unpack(BASE, SECOND);
    Path tar = directory.resolve("layers").resolve(BytesBlob.digestOf(SECOND).hex()).resolve("tar");
    Files.write(tar, Arrays.copyOf(SECOND, SECOND.length / 2));
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isEqualTo(2);
    assertThat(tar).hasBinaryContent(SECOND);
    assertThat(manifest(unpack(OTHER_BASE, SECOND))).isNotEmpty();
  }

  /** containerd would take the snapshot, whatever its content is. */
  @Test
  void whereSomethingElseGoesByTheChainIdTheLayerIsUnpacked() throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    snapshots().prepare("forged", parent, NO_LABELS);
    snapshots().commit("forgery/9/" + chainId, "forged", "", labels(chainId));
    assertIsUnpacked(key(NAMESPACE, chainId), parent, labels(chainId));
    snapshots().remove("forgery/9/" + chainId);
    assertThat(appliesOf(() -> unpack(OTHER_BASE, SECOND))).isZero();
  }

  // Failures.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "createDirectory",
        "createFile",
        "write",
        "rename",
        "sync",
        "syncData",
        "removeFile",
        "removeDirectory"
      })
  void whatFailsIsTriedByUnpackingOrRefusedAndLeavesNothing(String call) throws Exception {
    boolean isMet = true;
    for (int nth = 1; isMet; nth++) {
      assertThat(nth).isLessThan(ATTEMPTS_MAX);
      isMet = fail(call, nth);
      open(directory, LayerSetting.INDEXED, TestRoots.PLAIN, SyncPolicy.COMMIT);
    }
  }

  /** {@return whether the nth call was made, and failed} */
  private boolean fail(String call, int nth) throws Exception {
    unpack(BASE, SECOND);
    String parent = unpack(OTHER_BASE);
    Digest chainId = chainId(parent, SECOND);
    snapshots().cleanup();
    AtomicInteger left = new AtomicInteger(nth);
    calls.precede(
        call,
        () -> {
          if (left.decrementAndGet() == 0) {
            throw new ErrnoException(call, Errno.EIO, LinuxPath.of("injected"));
          }
        });
    String key = key(NAMESPACE, chainId);
    boolean isThere = false;
    try {
      assertThat(snapshots().prepare(key, parent, labels(chainId))).isNotEmpty();
    } catch (SnapshotException.AlreadyExists e) {
      isThere = true;
    } catch (SnapshotException e) {
      assertThat(e).hasMessageContaining("EIO");
    }
    boolean isMet = left.get() <= 0;
    calls.precede(call, () -> {});
    assertThat(look(chainId, parent).values().stream().filter(ReusableLayersIT::isCommitted))
        .hasSize(isThere ? 1 : 0);
    assertThat(isMet || isThere).isTrue();
    assertThat(manifest(unpack(OTHER_BASE, SECOND))).isNotEmpty();
    removeAll();
    return isMet;
  }

  private static boolean isCommitted(SnapshotInfo info) {
    return info.kind() == Kind.COMMITTED;
  }
}
