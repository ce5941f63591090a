package io.gatun.snapshot.layer.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Goal: for any input, the snapshot has the whole layer or nothing, can be used for another layer
 * if it has nothing, and nothing else is changed. Method: the layers of {@link HostileLayers}, each
 * unpacked by an engine, into a copy or above another layer of an overlay, or stored as an indexed
 * layer; uses the same properties. A separate program, whose memory {@link HostileTreesTest}
 * limits.
 */
final class HostileTrees {

  /** A tenth of the cases of the other program's long run, because files take longer. */
  private static final int CASES =
      Math.max(1000, Integer.getInteger(HostileLayers.PROPERTIES + "cases", 1000) / 10);

  private static final int SECONDS_MAX = 30;
  private static final int SECONDS_MAX_OF_LARGE = 300;
  private static final String KEY = "a";
  private static final String BASE = "base";
  private static final int METADATA_ENTRIES_MAX = 100;

  private static final byte[] GOOD =
      TarBuilder.pax().file("dir/good", 0644, "whatever there was before").finish();

  private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor();
  private final Path base;

  private int unpacked;
  private int large;
  private int refused;

  /** The target of layers. */
  private interface Place extends AutoCloseable {
    void take(HostileLayer layer) throws IOException;

    /** The surroundings, which only a break-out changes. */
    List<String> around() throws IOException;

    @Override
    void close();
  }

  private HostileTrees(Path base) {
    this.base = base;
  }

  /**
   * Fails if a result is wrong.
   *
   * @param arguments an empty directory
   */
  public static void main(String[] arguments) throws Exception {
    HostileTrees trees = new HostileTrees(Path.of(arguments[0]));
    try {
      trees.run();
    } finally {
      trees.watch.shutdownNow();
    }
  }

  private void run() throws Exception {
    long seed = Long.getLong(HostileLayers.PROPERTIES + "seed", new Random().nextLong());
    try (Place copies = new Engine("copies", DriverSetting.NATIVE, "");
        Place overlays = new Engine("overlays", DriverSetting.OVERLAY, BASE);
        Place tars = new Store()) {
      List<Place> places = List.of(copies, overlays, tars);
      List<String> top = names(base);
      for (int i = 0; i < CASES; i++) {
        try {
          HostileLayer layer = HostileLayers.layer(seed + i);
          Place place = places.get(layer.choice(places.size()));
          List<String> around = place.around();
          place.take(layer);
          assertThat(place.around()).isEqualTo(around);
          assertThat(names(base)).isEqualTo(top);
        } catch (IOException | RuntimeException | Error e) {
          throw new AssertionError("-Dgatun.apply.seed=" + (seed + i), e);
        }
      }
    }
    System.out.printf(
        "hostile trees: %d and %d large unpacked, %d refused, seed %d%n",
        unpacked, large, refused, seed);
    assertThat(unpacked).isGreaterThan(CASES / 20);
    // In a short run there may be none.
    assertThat(large).isGreaterThanOrEqualTo(CASES / 10_000);
    assertThat(refused).isGreaterThan(CASES / 5);
  }

  private void count(HostileLayer layer) {
    if (layer.isLarge()) {
      large++;
    } else {
      unpacked++;
    }
  }

  /** Cancels an apply that takes too long. */
  private Future<?> watch(HostileLayer layer, Cancellation cancellation) {
    return watch.schedule(
        cancellation::cancel,
        layer.isLarge() ? SECONDS_MAX_OF_LARGE : SECONDS_MAX,
        TimeUnit.SECONDS);
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> names = Files.list(directory)) {
      return names.map(Path::toString).sorted().toList();
    }
  }

  private static byte[] layer(String file, String content) {
    return TarBuilder.pax().file(file, 0644, content).finish();
  }

  /** Snapshots, all of one chain. */
  private final class Engine implements Place {
    private final Path path;
    private final EngineRoot root;
    private final LayerUnpacker unpacker;
    private final String parent;

    /**
     * @param parent of the unpacked snapshots; created if it is not empty
     */
    Engine(String name, DriverSetting driver, String parent) throws Exception {
      this.path = base.resolve(name);
      this.parent = parent;
      EngineSettings defaults = EngineSettings.defaults(path);
      this.root =
          EngineRoot.open(
              new UnsyncedDisk(),
              new EngineSettings(
                      path,
                      driver,
                      defaults.overlay(),
                      defaults.copyThreads(),
                      defaults.syncPolicy(),
                      new MetadataSettings(METADATA_ENTRIES_MAX, 256 << 10))
                  .withDirectoryPool(0),
              InstantSource.system());
      this.unpacker = root.unpacker(1);
      if (!parent.isEmpty()) {
        List<Mount> mounts = root.snapshotter().prepare(KEY, "", Map.of());
        var _ =
            unpacker
                .find(mounts)
                .unpack(
                    new BytesBlob(layer("dir/below", "below")),
                    false,
                    NextLayerHint.UNKNOWN,
                    new Cancellation());
        root.snapshotter().commit(parent, KEY, "", Map.of());
      }
    }

    @Override
    public void take(HostileLayer layer) throws IOException {
      Snapshotter snapshots = root.snapshotter();
      List<Mount> mounts = snapshots.prepare(KEY, parent, Map.of());
      Path files = files(mounts.getFirst());
      try {
        unpack(layer, layer.blob(), mounts);
        count(layer);
        assertThat(snapshots.usage(KEY).inodes()).isEqualTo(inodes(layer, files));
      } catch (SnapshotException.InvalidArgument | SnapshotException.Unsupported e) {
        refused++;
        assertThat(e).hasMessageContaining("layer " + BytesBlob.digestOf(layer.blob()));
        assertThat(files).isEmptyDirectory();
        unpack(layer, GOOD, mounts);
        assertThat(files.resolve("dir/good")).hasContent("whatever there was before");
      }
      snapshots.remove(KEY);
      snapshots.cleanup();
    }

    private void unpack(HostileLayer layer, byte[] blob, List<Mount> mounts) {
      Cancellation cancellation = new Cancellation();
      Future<?> tooLate = watch(layer, cancellation);
      try {
        var _ =
            unpacker
                .find(mounts)
                .unpack(new BytesBlob(blob, 3000), false, NextLayerHint.UNKNOWN, cancellation);
      } catch (CancellationException e) {
        fail("takes too long", e);
      } finally {
        tooLate.cancel(false);
      }
    }

    private static Path files(Mount mount) {
      return mount.options().stream()
          .filter(option -> option.startsWith("upperdir="))
          .map(option -> Path.of(option.substring("upperdir=".length())))
          .findFirst()
          .orElse(Path.of(mount.source()));
    }

    @Override
    public List<String> around() throws IOException {
      try (Stream<String> all =
          Stream.of(names(path), names(path.resolve("empty")), names(path.resolve("snapshots")))
              .flatMap(List::stream)) {
        return all.toList();
      }
    }

    @Override
    public void close() {
      root.close();
    }
  }

  /**
   * {@return the number of files including the root; those with several names count once} In deep
   * trees, paths are longer than one call accepts.
   */
  private static long inodes(HostileLayer layer, Path top) throws IOException {
    if (layer.isLarge()) {
      try (Fd opened = Fcntl.open(LinuxPath.of(top), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
        return TreeUsage.of(opened).inodes();
      }
    }
    try (Stream<Path> walk = Files.walk(top)) {
      return walk.map(HostileTrees::inode).distinct().count();
    }
  }

  private static Object inode(Path path) {
    try {
      return Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Indexed layers that are never published. */
  private final class Store implements Place {
    private final Path path = base.resolve("tars");
    private final Root root;
    private final LayerStore store;
    private final LayerPipeline pipeline = new LayerPipeline(1, 0);
    private final IndexedWriter indexed =
        new IndexedWriter(new UnsyncedDisk(), pipeline, new TarWriteMode(false, false));

    Store() throws Exception {
      this.root = Root.open(new UnsyncedDisk(), path);
      this.store = LayerStore.open(new UnsyncedDisk(), root, SyncWatch.alone());
      // Creates what the first ingest creates.
      store.ingest().close();
    }

    @Override
    public void take(HostileLayer layer) throws IOException {
      Cancellation cancellation = new Cancellation();
      Future<?> tooLate = watch(layer, cancellation);
      try (LayerIngest ingest = store.ingest()) {
        IndexedWriter.Result result =
            indexed.write(
                new BytesBlob(layer.blob(), 3000),
                ingest,
                IndexForm.OVERLAY,
                InheritedAttributes.ofTop(),
                LowerAttributes.NOTHING,
                cancellation);
        count(layer);
        if (!layer.isLarge()) {
          assertThat(result.layer().diffId()).isEqualTo(BytesBlob.digestOf(layer.decompressed()));
        }
      } catch (InvalidLayerException | UnsupportedLayerException e) {
        refused++;
      } finally {
        tooLate.cancel(false);
      }
    }

    @Override
    public List<String> around() throws IOException {
      try (Stream<String> all =
          Stream.of(names(path), names(path.resolve("layers"))).flatMap(List::stream)) {
        return all.toList();
      }
    }

    @Override
    public void close() {
      pipeline.close();
      root.close();
    }
  }
}
