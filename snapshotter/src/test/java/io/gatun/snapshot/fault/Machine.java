package io.gatun.snapshot.fault;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.filetree.ParallelDeletion;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.LayerConverter;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import io.gatun.snapshot.unpack.Applier;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A machine with one root and one daemon on it. The daemon can be stopped or killed, and the power
 * can be cut; what is on the disk outlives all of that.
 *
 * <p>The root lies in memory if there is a filesystem for that, as {@link PageCache} is the disk.
 */
public final class Machine implements AutoCloseable {

  private static final Path MEMORY = Path.of("/dev/shm");

  /** A journal so short that there are many of them. */
  public static final MetadataSettings METADATA = new MetadataSettings(256, 64 << 10);

  /** So few that every effect of making them can be met, and that there is none at times. */
  private static final int SPARE_DIRECTORIES = 2;

  /** As a containerd needs it that unpacks layers in parallel. */
  private static final OverlaySettings REBASING =
      new OverlaySettings(List.of(), false, false, true, false);

  private static final long PAUSE_NANOS = 20_000;

  /** What works in the background, and waits when there is nothing to do. */
  private static final Set<String> BACKGROUND =
      Set.of(
          "gatun-checkpoint", "gatun-settle", "gatun-reaper", "gatun-spares", "gatun-layer-sync");

  /** Where one thread waits for what another does. */
  private static final Set<String> WORK =
      Set.of(
          MetadataStore.class.getName(),
          ParallelDeletion.class.getName(),
          "io.gatun.snapshot.durability.GroupSync");

  private final Path base;
  private final Path root;
  private final DriverSetting driver;
  private final OverlaySettings overlay;
  private final LayerSetting layers;
  private final SyncPolicy syncPolicy;
  private final LayerBlobs blobs;
  private final PageCache cache;
  private FaultyDisk disk;
  private int boots = 1;
  private @Nullable EngineRoot engine;
  private @Nullable LayerUnpacker unpacker;

  private Machine(
      Path base,
      DriverSetting driver,
      OverlaySettings overlay,
      LayerSetting layers,
      SyncPolicy syncPolicy,
      LayerBlobs blobs)
      throws IOException {
    this.base = base;
    this.root = base.resolve("root");
    this.driver = driver;
    this.overlay = overlay;
    this.layers = layers;
    this.syncPolicy = syncPolicy;
    this.blobs = blobs;
    Path stash = Files.createDirectory(base.resolve("stash"));
    // The root is made by the daemon, so that the model sees how.
    this.cache = new PageCache(new LinuxDisk(), base, stash);
    this.disk = new FaultyDisk(cache);
  }

  /** {@return a new one, on which no daemon runs yet} */
  public static Machine create(DriverSetting driver) {
    return create(driver, LayerSetting.DIRECTORY);
  }

  /** {@return the same, whose daemon keeps layers in this form} */
  public static Machine create(DriverSetting driver, LayerSetting layers) {
    return create(driver, layers, SyncPolicy.COMMIT, LayerBlobs.NONE);
  }

  /**
   * {@return the same, whose daemon brings layers to the disk at this time}
   *
   * @param blobs of which it may make them anew
   */
  public static Machine create(
      DriverSetting driver, LayerSetting layers, SyncPolicy syncPolicy, LayerBlobs blobs) {
    return create(driver, REBASING, layers, syncPolicy, blobs);
  }

  /** {@return one whose containerd unpacks the layers of an image one after the other, as tars} */
  public static Machine createInOrder(SyncPolicy syncPolicy, LayerBlobs blobs) {
    return create(
        DriverSetting.OVERLAY, OverlaySettings.DEFAULT, LayerSetting.INDEXED, syncPolicy, blobs);
  }

  private static Machine create(
      DriverSetting driver,
      OverlaySettings overlay,
      LayerSetting layers,
      SyncPolicy syncPolicy,
      LayerBlobs blobs) {
    try {
      Path base =
          Files.isWritable(MEMORY)
              ? Files.createTempDirectory(MEMORY, "gatun-machine-")
              : Files.createTempDirectory("gatun-machine-");
      return new Machine(base, driver, overlay, layers, syncPolicy, blobs);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public Path root() {
    return root;
  }

  public DriverSetting driver() {
    return driver;
  }

  /** {@return the disk of the daemon that runs, or of the next one} */
  public FaultyDisk disk() {
    return disk;
  }

  public void start() throws UnusableRootException {
    unpacker = null;
    engine =
        EngineRoot.open(
            disk,
            new EngineSettings(
                    root,
                    driver,
                    overlay,
                    // One thread copies, so that the order of effects is always the same.
                    1,
                    syncPolicy,
                    METADATA)
                .withDirectoryPool(SPARE_DIRECTORIES)
                .withLayers(layers),
            InstantSource.system(),
            blobs,
            "boot " + boots);
  }

  public Snapshotter snapshotter() {
    return engine().snapshotter();
  }

  public Applier applier() {
    return engine().applier();
  }

  public LayerConverter converter() {
    return engine().converter();
  }

  /** {@return what unpacks layers, one at a time; one for each time that the daemon runs} */
  public LayerUnpacker unpacker() {
    if (unpacker == null) {
      unpacker = engine().unpacker(1);
    }
    return unpacker;
  }

  private EngineRoot engine() {
    if (engine == null) {
      throw new IllegalStateException("no daemon runs");
    }
    return engine;
  }

  /**
   * Deletes all that can be deleted, and waits until nothing is done in the background any more.
   */
  public void settle() {
    snapshotter().cleanup();
    awaitQuiet();
  }

  /**
   * Waits until nothing is done in the background any more: by the threads of the caller's thread
   * group, which those that a daemon starts belong to.
   */
  public static void awaitQuiet() {
    while (isBusy()) {
      // What is waited for may need the processor.
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  private static boolean isBusy() {
    Thread[] threads = new Thread[Thread.activeCount() + 16];
    int count = Thread.enumerate(threads);
    for (int i = 0; i < count; i++) {
      if (BACKGROUND.contains(threads[i].getName()) && !isIdle(threads[i])) {
        return true;
      }
    }
    return false;
  }

  /** A thread also waits for what others do for it, in the middle of its work. */
  private static boolean isIdle(Thread thread) {
    return switch (thread.getState()) {
      case WAITING -> Arrays.stream(thread.getStackTrace()).noneMatch(Machine::isWork);
      case TIMED_WAITING -> Arrays.stream(thread.getStackTrace()).anyMatch(Machine::isRest);
      case TERMINATED -> true;
      case NEW, RUNNABLE, BLOCKED -> false;
    };
  }

  private static boolean isRest(StackTraceElement frame) {
    return frame.getMethodName().equals("awaitWork");
  }

  private static boolean isWork(StackTraceElement frame) {
    return WORK.contains(frame.getClassName());
  }

  /** Writes a file in an active snapshot, as a container would that does not sync. */
  public void write(String key, String name, String content) {
    Path file = writableFiles(snapshotter().mounts(key).getFirst()).resolve(name);
    try {
      Files.writeString(file, content);
      cache.wroteElsewhere(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path writableFiles(Mount mount) {
    String upper = "upperdir=";
    return mount.options().stream()
        .filter(option -> option.startsWith(upper))
        .map(option -> Path.of(option.substring(upper.length())))
        .findFirst()
        .orElse(Path.of(mount.source()));
  }

  /** Stops the daemon in order, if it runs. */
  public void stop() {
    if (engine != null) {
      engine.close();
      engine = null;
    }
  }

  /** Ends the daemon, whose effects so far are all in memory. */
  public void kill() {
    disk.stop();
    if (engine != null) {
      engine.close();
      engine = null;
    }
    disk = new FaultyDisk(cache);
  }

  /** What no start of the machine has left. */
  private void unmountAll() {
    try {
      for (MountEntry mount : MountTable.read()) {
        if (mount.mountPoint().toString().startsWith(root + "/snapshots/")) {
          Mounts.umount2(mount.mountPoint());
        }
      }
    } catch (ErrnoException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the daemon, and takes back whatever is not on the disk for certain. */
  public void cutPower() {
    kill();
    unmountAll();
    boots++;
    try {
      cache.cutPower();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the daemon, and takes back some of what is not on the disk for certain. */
  public void cutPower(Random random) {
    kill();
    unmountAll();
    boots++;
    try {
      cache.cutPower(random);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return which files of the root are open at present} */
  public List<String> openFiles() {
    List<String> open = new ArrayList<>();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors.toList()) {
        target(descriptor).filter(path -> path.startsWith(base.toString())).forEach(open::add);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    open.sort(Comparator.naturalOrder());
    return open;
  }

  /** {@return which files of the root are open or mapped at present} */
  public List<String> usedFiles() {
    List<String> used = openFiles();
    try (Stream<String> mappings = Files.lines(Path.of("/proc/self/maps"))) {
      mappings
          .filter(mapping -> mapping.contains(base.toString()))
          .map(mapping -> "mapped " + mapping.substring(mapping.indexOf(base.toString())))
          .forEach(used::add);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return used;
  }

  /** {@return what a descriptor leads to, if it is still there} */
  private static Stream<String> target(Path descriptor) {
    try {
      return Stream.of(Files.readSymbolicLink(descriptor).toString());
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  @Override
  public void close() {
    kill();
    unmountAll();
    try (Stream<Path> paths = Files.walk(base)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
