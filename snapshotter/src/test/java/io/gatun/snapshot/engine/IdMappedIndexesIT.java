package io.gatun.snapshot.engine;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.pack.CollectedBlob;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Containers with user namespaces on indexed layers. */
class IdMappedIndexesIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final Map<String, String> MAPPED =
      Map.of(
          "containerd.io/snapshot/uidmapping",
          "0:100000:65536",
          "containerd.io/snapshot/gidmapping",
          "0:200000:65536");

  private static final Map<String, String> OTHERWISE =
      Map.of("containerd.io/snapshot/uidmapping", "0:300000:65536");

  private static final byte[] LAYER =
      TarBuilder.pax()
          .file("of-root", 0644, "root")
          .owner(1000, 2000)
          .file("of-user", 0644, "user")
          .finish();

  private LayerBlobs blobs = LayerBlobs.NONE;
  private Path directory;
  private EngineRoot engine;

  private record Owner(int uid, int gid) {
    static Owner of(Path file) throws ErrnoException {
      FileStatus status = Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(file));
      return new Owner(status.uid(), status.gid());
    }
  }

  @BeforeEach
  void makeLayers() throws Exception {
    directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("mapped-indexes-");
    open();
    String extraction = "k8s.io/1/extract-123456789-abcd sha256:01";
    engine
        .unpacker(2)
        .find(engine.snapshotter().prepare(extraction, "", NO_LABELS))
        .unpack(
            new BytesBlob(Compressed.gzip(LAYER)),
            false,
            NextLayerHint.UNKNOWN,
            new Cancellation());
    engine.snapshotter().commit("base", extraction, "", NO_LABELS);
    try (KernelMount active =
        KernelMount.of(engine.snapshotter().prepare("change", "base", NO_LABELS))) {
      Files.writeString(active.path().resolve("of-directory"), "directory");
    }
    engine.snapshotter().commit("top", "change", "", NO_LABELS);
  }

  private void open() throws Exception {
    engine = open(UnaryOperator.identity());
  }

  private EngineRoot open(UnaryOperator<Driver> between) throws Exception {
    return EngineRoot.open(
        new LinuxDisk(),
        TestRoots.settings(directory, DriverSetting.OVERLAY, TestRoots.REMAPPING)
            .withLayers(LayerSetting.INDEXED),
        InstantSource.system(),
        blobs,
        "boot",
        between);
  }

  private List<LinuxPath> mounted(String below) throws ErrnoException {
    return MountTable.read().stream()
        .map(MountEntry::mountPoint)
        .filter(place -> place.toString().startsWith(directory.resolve(below) + "/"))
        .toList();
  }

  private void unmountAll() throws ErrnoException {
    for (String below : List.of("mapped", "snapshots")) {
      for (LinuxPath place : mounted(below)) {
        Mounts.umount2(place, UnmountFlag.DETACH);
      }
    }
  }

  @AfterEach
  void close() throws Exception {
    engine.close();
    unmountAll();
  }

  private static void requireMapped(List<Mount> mounts) throws Exception {
    try (KernelMount container = KernelMount.of(mounts)) {
      assertThat(Owner.of(container.path())).isEqualTo(new Owner(100_000, 200_000));
      for (String name : List.of("of-root", "of-directory")) {
        assertThat(Owner.of(container.path().resolve(name))).isEqualTo(new Owner(100_000, 200_000));
      }
      assertThat(Owner.of(container.path().resolve("of-user")))
          .isEqualTo(new Owner(101_000, 202_000));
    }
  }

  @Test
  void ownersAreMappedAlsoAfterTheMachineWasStartedAnew() throws Exception {
    List<Mount> mounts = engine.snapshotter().prepare("container", "top", MAPPED);
    assertThat(mounts.getFirst().options()).noneMatch(option -> option.contains("map="));
    requireMapped(mounts);
    requireMapped(engine.snapshotter().view("view", "top", MAPPED));
    engine.close();
    unmountAll();
    open();
    assertThatThrownBy(() -> KernelMount.of(mounts)).isInstanceOf(ErrnoException.class);
    assertThat(engine.snapshotter().tryMountsWithoutIo("view")).isEmpty();
    assertThat(engine.snapshotter().mounts("container")).isEqualTo(mounts);
    requireMapped(mounts);
    try (KernelMount plain = KernelMount.of(engine.snapshotter().view("plain", "top", NO_LABELS))) {
      assertThat(Owner.of(plain.path().resolve("of-user"))).isEqualTo(new Owner(1000, 2000));
    }
  }

  /** Damages the stored tar in place, like a disk that loses unsynced writes. */
  private void damage() throws Exception {
    Path layer = directory.resolve("layers").resolve(BytesBlob.digestOf(LAYER).hex());
    byte[] damaged = LAYER.clone();
    int block = 0;
    while (!new String(damaged, block, 4, US_ASCII).equals("root")) {
      block += 512;
    }
    damaged[block] ^= 1;
    Files.write(layer.resolve("tar"), damaged);
    String blob = BytesBlob.digestOf(Compressed.gzip(LAYER)).hex();
    Files.move(layer.resolve("blob-" + blob), layer.resolve("unsynced-" + blob));
  }

  @Test
  void whatIsShownWithOtherOwnersAloneIsNotOverATarThatWasReplaced() throws Exception {
    engine.snapshotter().prepare("container", "top", MAPPED);
    engine.close();
    damage();
    for (LinuxPath place : mounted("snapshots")) {
      Mounts.umount2(place, UnmountFlag.DETACH);
    }
    assertThat(mounted("mapped")).hasSize(2);
    blobs = _ -> Optional.of(new BytesBlob(Compressed.gzip(LAYER)));
    open();
    try (KernelMount container = KernelMount.of(engine.snapshotter().mounts("container"))) {
      assertThat(container.path().resolve("of-root")).hasContent("root");
    }
  }

  @Test
  void nothingIsLeftOfLayersThatWereRemoved() throws Exception {
    engine.snapshotter().prepare("container", "top", MAPPED);
    assertThat(mounted("mapped")).hasSize(2);
    for (String name : List.of("container", "top", "base")) {
      engine.snapshotter().remove(name);
    }
    engine.snapshotter().cleanup();
    assertThat(mounted("mapped")).isEmpty();
    assertThat(mounted("snapshots")).isEmpty();
    assertThat(directory.resolve("mapped")).isEmptyDirectory();
  }

  /** Waits until this many layers are mounted, and no mapping without layers remains. */
  private void awaitMapped(int layers, int mappings) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
    while (!isMapped(layers, mappings) && System.nanoTime() < end) {
      Thread.sleep(10);
    }
    assertThat(mounted("mapped")).hasSize(layers);
    assertThat(TestEngine.names(directory.resolve("mapped"))).hasSize(mappings);
  }

  private boolean isMapped(int layers, int mappings) throws Exception {
    return mounted("mapped").size() == layers
        && TestEngine.names(directory.resolve("mapped")).size() == mappings;
  }

  @Test
  void aMappingIsMountedUntilItsLastUserHasGoneThoughOthersNeedTheLayer() throws Exception {
    try (KernelMount plain =
        KernelMount.of(engine.snapshotter().prepare("plain", "top", NO_LABELS))) {
      engine.snapshotter().prepare("one", "top", MAPPED);
      List<Mount> mounts = engine.snapshotter().prepare("another", "top", MAPPED);
      engine.snapshotter().prepare("otherwise", "top", OTHERWISE);
      assertThat(mounted("mapped")).hasSize(4);
      engine.snapshotter().remove("otherwise");
      awaitMapped(2, 1);
      engine.snapshotter().remove("one");
      // Unmounts run in order, so waiting for a later one covers the earlier one.
      engine.snapshotter().prepare("otherwise", "top", OTHERWISE);
      engine.snapshotter().remove("otherwise");
      awaitMapped(2, 1);
      requireMapped(mounts);
      engine.snapshotter().remove("another");
      awaitMapped(0, 0);
      assertThat(plain.path().resolve("of-user")).hasContent("user");
      assertThat(mounted("snapshots")).isNotEmpty();
    }
  }

  /** A daemon that is killed between a removal and the unmount leaves such mounts. */
  @Test
  void aMappingThatNobodyUsesGoesWithTheNextStart() throws Exception {
    List<Mount> mounts = engine.snapshotter().prepare("container", "top", MAPPED);
    engine.close();
    LinuxPath layer = mounted("snapshots").getFirst();
    Path unused = directory.resolve("mapped/0123456789abcdef");
    LinuxPath place =
        LinuxPath.of(
            Files.createDirectories(unused.resolve(Path.of(layer.toString()).getFileName())));
    Mounts.mount(layer, place, "", Set.of(MountFlag.BIND), "");
    assertThat(mounted("mapped")).hasSize(3);
    open();
    awaitMapped(2, 1);
    assertThat(unused).doesNotExist();
    requireMapped(mounts);
  }

  /** Otherwise the layers would be mounted again after the removal has unmounted them. */
  @Test
  @Timeout(60)
  void aSnapshotIsNotRemovedWhileItsLayersAreMountedWithOtherOwners() throws Exception {
    engine.snapshotter().prepare("container", "top", MAPPED);
    engine.close();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch mayGoOn = new CountDownLatch(1);
    engine =
        open(
            driver ->
                new ForwardingDriver(driver) {
                  @Override
                  public List<Mount> mounts(Chain chain) throws ErrnoException {
                    begun.countDown();
                    awaitQuietly(mayGoOn);
                    return super.mounts(chain);
                  }
                });
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      Future<?> mounts = threads.submit(() -> engine.snapshotter().mounts("container"));
      begun.await();
      Future<?> removal = threads.submit(() -> engine.snapshotter().remove("container"));
      assertThatThrownBy(() -> removal.get(200, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      mayGoOn.countDown();
      mounts.get();
      removal.get();
    }
    engine.snapshotter().remove("top");
    engine.snapshotter().remove("base");
    engine.snapshotter().cleanup();
    assertThat(mounted("mapped")).isEmpty();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whatIsSeenThroughAMappingIsNoLayerToBeMade() throws Exception {
    List<Mount> mounts = engine.snapshotter().prepare("container", "top", MAPPED);
    List<Mount> parent = engine.snapshotter().view("parent", "top", NO_LABELS);
    assertThatThrownBy(
            () ->
                engine
                    .builder()
                    .make(
                        parent,
                        mounts,
                        new LayerFormat(Compression.NONE, Optional.empty()),
                        new CollectedBlob(),
                        new Cancellation()))
        .isInstanceOf(SnapshotException.Unsupported.class)
        .hasMessageContaining("its owners are mapped by its mounts");
  }
}
