package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.UnsyncedDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A root with a running engine, and what can be seen of it from outside. */
final class TestRoot implements AutoCloseable {

  static final String PREFIX = "gatun-lifecycle-";

  private static final Path MEMORY = Path.of("/dev/shm");

  /** More than the names that there are; the journal is so short that there are many of them. */
  private static final MetadataSettings METADATA = new MetadataSettings(256, 256 << 10);

  /** As a containerd needs it that unpacks layers in parallel, which these lifecycles do. */
  private static final OverlaySettings OVERLAY =
      new OverlaySettings(List.of(), false, false, true, false);

  /** So that whose directory appears is known. */
  private static final int NO_SPARE_DIRECTORIES = 0;

  /** Those that are not closed yet. */
  private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();

  static {
    // When shrinking takes too long, the attempt under way is given up and nobody closes its root.
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> OPEN.forEach(TestRoot::deleteTree), "lifecycle-roots"));
  }

  private final Path path;
  private final DriverSetting driver;
  private final LayerSetting layers;
  private final Disk disk;
  private @Nullable EngineRoot engine;
  private @Nullable LayerUnpacker unpacker;

  private TestRoot(Path path, DriverSetting driver, LayerSetting layers, Disk disk) {
    this.path = path;
    this.driver = driver;
    this.layers = layers;
    this.disk = disk;
  }

  /** {@return a new one, started, on the fastest filesystem that there is} */
  static TestRoot inMemory(DriverSetting driver) {
    try {
      return start(
          Files.isWritable(MEMORY)
              ? Files.createTempDirectory(MEMORY, PREFIX)
              : Files.createTempDirectory(PREFIX),
          driver,
          LayerSetting.DIRECTORY,
          new UnsyncedDisk());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return one in a new directory, started} */
  static TestRoot start(Path path, DriverSetting driver, LayerSetting layers, Disk disk) {
    TestRoot root = new TestRoot(path, driver, layers, disk);
    OPEN.add(path);
    boolean isStarted = false;
    try {
      root.start();
      isStarted = true;
      return root;
    } finally {
      if (!isStarted) {
        root.close();
      }
    }
  }

  DriverSetting driver() {
    return driver;
  }

  LayerSetting layers() {
    return layers;
  }

  Path path() {
    return path;
  }

  Snapshotter snapshotter() {
    return engine().snapshotter();
  }

  /** {@return what unpacks layers, as long as the engine runs} */
  LayerUnpacker unpacker() {
    if (unpacker == null) {
      unpacker = engine().unpacker(1);
    }
    return unpacker;
  }

  private EngineRoot engine() {
    if (engine == null) {
      throw new IllegalStateException("the engine is stopped");
    }
    return engine;
  }

  void start() {
    EngineSettings defaults = EngineSettings.defaults(path);
    try {
      engine =
          EngineRoot.open(
              disk,
              new EngineSettings(
                      path,
                      driver,
                      OVERLAY,
                      defaults.copyThreads(),
                      defaults.syncPolicy(),
                      METADATA)
                  .withDirectoryPool(NO_SPARE_DIRECTORIES)
                  .withLayers(layers),
              InstantSource.system());
    } catch (UnusableRootException e) {
      throw new AssertionError("cannot start", e);
    }
  }

  void stop() {
    if (engine != null) {
      engine.close();
      engine = null;
      unpacker = null;
    }
  }

  /** {@return the ids that have a directory} */
  Set<Long> directories() {
    return names("snapshots").stream()
        .map(Long::valueOf)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** {@return what is in the trash} */
  Set<String> trash() {
    return names("trash");
  }

  /** {@return where the files of a snapshot are} */
  Path files(long id) {
    return path.resolve("snapshots").resolve(Long.toString(id)).resolve("fs");
  }

  private Set<String> names(String directory) {
    try (Stream<Path> entries = Files.list(path.resolve(directory))) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Checks, while the engine is stopped, that the metadata are in order by themselves and that each
   * record has its directory.
   *
   * @param ids what is known of who has which id
   */
  void checkMetadata(Map<String, Long> ids) {
    try (MetadataStore store = MetadataStore.open(disk, path.resolve("metadata"), METADATA)) {
      List<SnapshotRecord> records = new ArrayList<>();
      store.forEach(records::add);
      Map<String, Long> recorded = new HashMap<>();
      Map<Long, Integer> children = new HashMap<>();
      for (SnapshotRecord snapshot : records) {
        recorded.put(snapshot.name(), snapshot.id());
        children.merge(snapshot.parentId(), 1, Integer::sum);
        assertThat(store.find(snapshot.name())).contains(snapshot);
      }
      assertThat(recorded).containsAllEntriesOf(ids);
      assertThat(recorded.values()).doesNotHaveDuplicates();
      assertThat(directories()).containsAll(recorded.values());
      assertThat(store.size()).isEqualTo(records.size());
      for (SnapshotRecord snapshot : records) {
        assertThat(store.children(snapshot.id()))
            .as("children of %s", snapshot)
            .isEqualTo(children.getOrDefault(snapshot.id(), 0));
        assertThat(snapshot.parentId())
            .as("id of the parent of %s", snapshot)
            .isEqualTo(recorded.getOrDefault(snapshot.parent(), SnapshotRecord.NO_PARENT));
      }
    } catch (IOException e) {
      throw new AssertionError("the metadata cannot be read", e);
    }
  }

  @Override
  public void close() {
    stop();
    unmountLayers();
    deleteTree(path);
    OPEN.remove(path);
  }

  /** The engine leaves what it has mounted, for the containers that run on it. */
  private void unmountLayers() {
    Path snapshots = path.resolve("snapshots");
    try {
      for (MountEntry mount : MountTable.read()) {
        Path place = Path.of(mount.mountPoint().toString());
        if (snapshots.equals(place.getParent())) {
          Mounts.umount2(LinuxPath.of(place), UnmountFlag.DETACH);
        }
      }
    } catch (ErrnoException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void deleteTree(Path tree) {
    LoopFilesystem.run(List.of("rm", "-rf", "--one-file-system", "--", tree.toString()));
  }
}
