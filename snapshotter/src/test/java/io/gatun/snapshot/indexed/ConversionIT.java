package io.gatun.snapshot.indexed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.ChainId;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.KernelMounts;
import io.gatun.snapshot.engine.TestEngine;
import io.gatun.snapshot.engine.TestRoots;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.DiskCalls;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers that are converted while containers come and go, as seen through kernel mounts. */
@Execution(ExecutionMode.CONCURRENT)
class ConversionIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int ROUNDS = 5;
  private static final int PAUSE_MILLIS = 30;
  private static final int WAIT_SECONDS_MAX = 60;

  private static final List<byte[]> LAYERS =
      List.of(
          TarBuilder.pax()
              .modified(1_000)
              .directory("etc", 0750)
              .file("etc/hostname", 0644, "gatun")
              .file("etc/gone", 0644, "gone")
              .owner(7, 8)
              .directory("opt", 01777)
              .directory("opt/deep", 0711)
              .file("opt/deep/below", 0600, "below")
              .finish(),
          TarBuilder.pax()
              .modified(2_000)
              .file("opt/deep/file", 0644, "x".repeat(100_000))
              .whiteout("etc/gone")
              .symbolicLink("link", "etc/hostname")
              .finish(),
          TarBuilder.pax()
              .modified(3_000)
              .directory("opt/deep", 0700)
              .opaque("opt/deep")
              .file("opt/deep/last", 0644, "last")
              .hardLink("opt/linked", 0644, "opt/deep/last")
              .finish());

  private final DiskCalls calls = new DiskCalls(new LinuxDisk());
  private final List<String> names = new ArrayList<>();
  private Path directory;
  private EngineRoot engine;

  @BeforeEach
  void open() throws Exception {
    open(LoopFilesystem.Kind.EXT4, LAYERS);
  }

  private void open(LoopFilesystem.Kind kind, List<byte[]> layers) throws Exception {
    directory = FILESYSTEMS.of(kind).createDirectory("conversion-");
    names.clear();
    engine = start("first boot");
    unpackAll(layers);
  }

  private EngineRoot start(String boot) throws Exception {
    return EngineRoot.open(
        calls.disk(),
        TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.PLAIN),
        InstantSource.system(),
        LayerBlobs.NONE,
        boot);
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

  private static LayerBlob blob(int layer) {
    return blob(LAYERS.get(layer));
  }

  private static LayerBlob blob(byte[] layer) {
    return new BytesBlob(Compressed.gzip(layer));
  }

  private void unpackAll(List<byte[]> layers) {
    LayerUnpacker unpacker = engine.unpacker(1);
    Optional<Digest> below = Optional.empty();
    for (int i = 0; i < layers.size(); i++) {
      String key = "k8s.io/%d/extract-1-a%d sha256:00".formatted(2 * i + 1, i);
      String parent = i == 0 ? "" : names.getLast();
      Digest chainId = ChainId.of(below, BytesBlob.digestOf(layers.get(i)));
      List<Mount> mounts = snapshots().prepare(key, parent, NO_LABELS);
      unpacker
          .find(mounts)
          .unpack(blob(layers.get(i)), false, NextLayerHint.UNKNOWN, new Cancellation());
      names.add("k8s.io/%d/%s".formatted(2 * i + 2, chainId));
      snapshots().commit(names.getLast(), key, "", NO_LABELS);
      below = Optional.of(chainId);
    }
  }

  private void index(int layer) {
    engine.converter().index(names.get(layer), blob(layer), new Cancellation());
  }

  private void indexAll() {
    for (int i = 0; i < names.size(); i++) {
      index(i);
    }
  }

  private void materializeAll() {
    names.forEach(name -> engine.converter().layOut(name, new Cancellation()));
  }

  private List<Boolean> areIndexed() {
    List<Boolean> forms = new ArrayList<>();
    names.forEach(
        name -> forms.add(engine.converter().estimate(name, Optional.empty()).isIndexed()));
    return forms;
  }

  private Path snapshot(long id) {
    return directory.resolve("snapshots").resolve(Long.toString(id));
  }

  private static List<String> tree(Path top) throws Exception {
    // No layer sets the time of the top; it is when the directory was created.
    List<String> all = TreeManifest.of(top, Set.of(TreeManifest.Detail.DIRECTORY_TIMES));
    return all.subList(1, all.size());
  }

  private List<String> view(String key) throws Exception {
    try (KernelMount view = KernelMount.of(snapshots().view(key, names.getLast(), NO_LABELS))) {
      return tree(view.path());
    } finally {
      snapshots().remove(key);
    }
  }

  private Set<String> names(String place) {
    Path path = directory.resolve(place);
    return Files.isDirectory(path) ? TestEngine.names(path) : Set.of();
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void layersShowTheSameInBothForms(LoopFilesystem.Kind kind) throws Exception {
    close();
    open(kind, LAYERS);
    List<String> expected = view("directories");
    indexAll();
    assertThat(areIndexed()).containsExactly(true, true, true);
    // The others are mounted beneath it.
    assertThat(names("snapshots/3")).isEmpty();
    assertThat(view("indexes")).isEqualTo(expected);
    assertThat(names("layers")).hasSize(LAYERS.size());
    materializeAll();
    assertThat(areIndexed()).containsExactly(false, false, false);
    assertThat(mounted()).isEmpty();
    assertThat(view("directories again")).isEqualTo(expected);
    assertThat(names("layers")).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(LoopFilesystem.Kind.class)
  void eitherFormTakesAboutWhatWasSaidBefore(LoopFilesystem.Kind kind) throws Exception {
    close();
    TarBuilder files = TarBuilder.pax();
    for (int i = 0; i < 2_000; i++) {
      files.file("d%02d/file-%d".formatted(i % 100, i), 0644, "x".repeat(5 * i));
    }
    byte[] layer = files.finish();
    open(kind, List.of(layer));
    long forIndex = estimatedBytes();
    engine.converter().index(names.getFirst(), blob(layer), new Cancellation());
    assertThat(forIndex).satisfies(isAbout(allocatedBytes(directory.resolve("layers"))));
    long forDirectory = estimatedBytes();
    materializeAll();
    assertThat(forDirectory).satisfies(isAbout(allocatedBytes(snapshot(1))));
  }

  private long estimatedBytes() {
    return engine.converter().estimate(names.getFirst(), Optional.empty()).neededBytes();
  }

  /** A low estimate would fill the disk, and a high one would discourage users. */
  private static Consumer<Long> isAbout(long bytes) {
    return estimate -> assertThat(estimate).isBetween(bytes, 2 * bytes);
  }

  private static long allocatedBytes(Path top) throws IOException {
    long blocks = 0;
    try (Stream<Path> all = Files.walk(top)) {
      for (Path each : all.toList()) {
        blocks +=
            Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(each), AtFlag.SYMLINK_NOFOLLOW).blocks();
      }
    }
    return blocks * FileStatus.BLOCK_BYTES;
  }

  @Test
  void whatAContainerReadsIsTheSameAndContainersCanBeStartedAllTheWhile() throws Exception {
    List<String> expected = view("before");
    AtomicBoolean isDone = new AtomicBoolean();
    AtomicInteger starts = new AtomicInteger();
    try (ExecutorService users = Executors.newSingleThreadExecutor()) {
      Future<?> starter =
          users.submit(
              () -> {
                while (!isDone.get()) {
                  assertThat(view("start")).isEqualTo(expected);
                  starts.incrementAndGet();
                  Thread.sleep(PAUSE_MILLIS);
                }
                return null;
              });
      try {
        for (int round = 0; round < ROUNDS; round++) {
          whenUnused(this::indexAll);
          whenUnused(this::materializeAll);
        }
        whenUnused(this::indexAll);
      } finally {
        isDone.set(true);
      }
      starter.get(WAIT_SECONDS_MAX, TimeUnit.SECONDS);
      assertThat(starts).hasPositiveValue();
    }
    assertThat(view("after")).isEqualTo(expected);
  }

  private static void whenUnused(Runnable conversion) {
    await()
        .atMost(Duration.ofSeconds(WAIT_SECONDS_MAX))
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(
            () -> {
              try {
                conversion.run();
                return true;
              } catch (SnapshotException.FailedPrecondition e) {
                assertThat(e).hasMessageContaining("the layer is in use by ");
                return false;
              }
            });
  }

  private void assertInUse(String users, ThrowingCallable conversion) {
    assertThatThrownBy(conversion)
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageEndingWith("the layer is in use by " + users);
  }

  private List<String> users(int layer) {
    return engine.converter().estimate(names.get(layer), Optional.empty()).users();
  }

  @Test
  void layersInUseStayAsTheyAreUntilTheContainerIsRemoved() throws Exception {
    List<String> expected = view("before");
    index(0);
    List<Mount> mounts = snapshots().prepare("container", names.get(1), NO_LABELS);
    snapshots().view("view", names.getFirst(), NO_LABELS);
    engine.close();
    engine = start("first boot");
    List<String> shown;
    try (KernelMount container = KernelMount.of(mounts)) {
      shown = tree(container.path());
      assertThat(users(0)).containsExactly("container", "view");
      assertThat(users(1)).containsExactly("container");
      assertThat(users(2)).isEmpty();
      assertInUse("container", () -> index(1));
      assertInUse(
          "container, view", () -> engine.converter().layOut(names.getFirst(), new Cancellation()));
      index(2);
      assertThat(areIndexed()).containsExactly(true, false, true);
      assertThat(tree(container.path())).isEqualTo(shown);
    }
    // A stopped container may be started again at any time.
    assertInUse("container", () -> index(1));
    try (KernelMount container = KernelMount.of(snapshots().mounts("container"))) {
      assertThat(tree(container.path())).isEqualTo(shown);
    }
    snapshots().remove("container");
    snapshots().remove("view");
    indexAll();
    assertThat(view("indexes")).isEqualTo(expected);
    materializeAll();
    assertThat(areIndexed()).containsExactly(false, false, false);
    assertThat(view("directories")).isEqualTo(expected);
  }

  @Test
  void layerThatBecomesUsedWhileItIsConvertedStaysAsItIs() throws Exception {
    List<String> expected = view("before");
    calls.precede("write", () -> useOnce());
    assertInUse("meanwhile", () -> index(2));
    assertThat(areIndexed()).containsExactly(false, false, false);
    assertThat(names("layers")).isEmpty();
    snapshots().remove("meanwhile");
    index(2);
    assertThat(view("after")).isEqualTo(expected);
  }

  private void useOnce() {
    calls.precede("write", () -> {});
    snapshots().prepare("meanwhile", names.getLast(), NO_LABELS);
  }

  @Test
  void treesOfAnEarlierVersionAreKeptWhileTheirLayersAreUsed() throws Exception {
    snapshots().prepare("container", names.getFirst(), NO_LABELS);
    engine.close();
    for (String tree : List.of("1-1", "1-2", "2-1", "99-1", "other")) {
      Files.createDirectories(directory.resolve("superseded").resolve(tree).resolve("etc"));
    }
    engine = start("first boot");
    snapshots().cleanup();
    assertThat(names("superseded")).containsExactlyInAnyOrder("1-1", "1-2", "other");
    snapshots().remove("container");
    engine.close();
    engine = start("first boot");
    snapshots().cleanup();
    assertThat(names("superseded")).containsExactly("other");
    assertThat(names("trash")).isEmpty();
  }

  @Test
  void blobOfAnotherLayerIsRefusedAndNothingIsLeftOfIt() throws Exception {
    assertThatThrownBy(
            () -> engine.converter().index(names.getFirst(), blob(1), new Cancellation()))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining("is another layer, with the diff id")
        .hasMessageContaining(BytesBlob.digestOf(LAYERS.get(1)).hex());
    assertThat(areIndexed()).containsExactly(false, false, false);
    assertThat(names("layers")).isEmpty();
    assertThat(mounted()).isEmpty();
  }

  @Test
  void snapshotWithANameThatIsNoChainIdIsRefused() {
    snapshots().prepare("key", names.getFirst(), NO_LABELS);
    snapshots().commit("own", "key", "", NO_LABELS);
    assertThatThrownBy(() -> engine.converter().index("own", blob(1), new Cancellation()))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("the name own is no chain id");
  }

  @Test
  void conversionThatIsCancelledLeavesTheFormThatThereWas() throws Exception {
    List<String> expected = view("before");
    Cancellation cancelled = new Cancellation();
    cancelled.cancel();
    assertThatThrownBy(() -> engine.converter().index(names.getFirst(), blob(0), cancelled))
        .isInstanceOf(CancellationException.class);
    assertThat(areIndexed()).containsExactly(false, false, false);
    indexAll();
    assertThatThrownBy(() -> engine.converter().layOut(names.getFirst(), cancelled))
        .isInstanceOf(CancellationException.class);
    assertThat(areIndexed()).containsExactly(true, true, true);
    snapshots().cleanup();
    assertThat(names("trash")).isEmpty();
    assertThat(view("after")).isEqualTo(expected);
  }

  @Test
  void treeThatCannotBeDeletedIsDeletedWhenTheLayerIsNotUsedAnyMore() throws Exception {
    List<String> expected = view("before");
    index(1);
    snapshots().cleanup();
    // The tree is moved to a new directory in the trash.
    calls.precede(
        "rename",
        () -> {
          if (!names("trash").isEmpty()) {
            calls.fail("rename", Errno.EIO);
          }
        });
    index(0);
    calls.precede("rename", () -> {});
    calls.succeed("rename");
    assertThat(areIndexed()).containsExactly(true, true, false);
    assertThat(snapshot(1).resolve("fs/etc/hostname")).hasContent("gatun");
    assertThat(view("after")).isEqualTo(expected);
    assertThat(mounted()).contains(1L);
    await()
        .atMost(Duration.ofSeconds(WAIT_SECONDS_MAX))
        .untilAsserted(
            () -> {
              assertThat(mounted()).isEmpty();
              assertThat(names("snapshots/1")).isEmpty();
            });
    assertThat(view("in the end")).isEqualTo(expected);
  }

  @Test
  void tarThatCannotBeWrittenLeavesTheFormThatThereWas() throws Exception {
    List<String> expected = view("before");
    calls.fail("write", Errno.EIO);
    assertThatThrownBy(() -> index(0))
        .isInstanceOf(SnapshotException.class)
        .hasMessageContaining("EIO");
    calls.succeed("write");
    assertThat(areIndexed()).containsExactly(false, false, false);
    assertThat(mounted()).isEmpty();
    assertThat(view("after")).isEqualTo(expected);
  }

  @Test
  void treeThatCannotBePutInItsPlaceLeavesTheIndex() throws Exception {
    List<String> expected = view("before");
    indexAll();
    calls.fail("exchange", Errno.EIO);
    assertThatThrownBy(this::materializeAll)
        .isInstanceOf(SnapshotException.StorageFailure.class)
        .hasMessageContaining("EIO");
    calls.succeed("exchange");
    assertThat(areIndexed()).containsExactly(true, true, true);
    assertThat(view("after")).isEqualTo(expected);
    materializeAll();
    assertThat(areIndexed()).containsExactly(false, false, false);
    assertThat(view("in the end")).isEqualTo(expected);
  }

  @Test
  void layerWithoutFilesIsLeftAsItIs() {
    byte[] empty = TarBuilder.pax().finish();
    Digest below = ChainId.in(names.getLast()).orElseThrow();
    String name = "k8s.io/9/" + ChainId.of(Optional.of(below), BytesBlob.digestOf(empty));
    snapshots().prepare("empty", names.getLast(), NO_LABELS);
    snapshots().commit(name, "empty", "", NO_LABELS);
    assertThat(engine.converter().estimate(name, Optional.empty()).isEmpty()).isTrue();
    assertThat(engine.converter().estimate(names.getLast(), Optional.empty()).isEmpty()).isFalse();
    LayerBlob blob = new BytesBlob(Compressed.gzip(empty));
    assertThatThrownBy(() -> engine.converter().index(name, blob, new Cancellation()))
        .isInstanceOf(SnapshotException.FailedPrecondition.class)
        .hasMessageContaining("there are no files in the layer");
  }

  @Test
  void machineIsStartedAnewAndTheLayersAreMountedAgain() throws Exception {
    List<String> expected = view("before");
    indexAll();
    engine.close();
    KernelMounts.detachAll(directory);
    engine = start("another boot");
    assertThat(view("after")).isEqualTo(expected);
    assertThat(areIndexed()).containsExactly(true, true, true);
  }
}
