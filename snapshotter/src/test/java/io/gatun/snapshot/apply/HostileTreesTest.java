package io.gatun.snapshot.apply;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.disk.UnsyncedDisk;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.LayerUnpacker;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.metadata.MetadataSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: whatever a registry sends, the snapshot it is unpacked into holds all of it or nothing, can
 * be used for another layer if it holds nothing, and nothing is written anywhere else. Method: the
 * layers of {@link HostileLayersTest}, unpacked by an engine; it takes the same properties.
 */
class HostileTreesTest {

  /** A tenth of what the other test makes of them in its long form, as the files take longer. */
  private static final int CASES =
      Math.max(3000, Integer.getInteger("gatun.apply.cases", 3000) / 10);

  private static final int SECONDS_MAX = 30;
  private static final Path MEMORY = Path.of("/dev/shm");
  private static final String KEY = "a";

  private static final byte[] GOOD =
      TarBuilder.pax().file("dir/good", 0644, "whatever there was before").finish();

  private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor();

  private Path base;
  private EngineRoot engine;
  private LayerUnpacker unpacker;

  private int unpacked;
  private int refused;

  @BeforeEach
  void open() throws Exception {
    base =
        Files.isWritable(MEMORY)
            ? Files.createTempDirectory(MEMORY, "gatun-hostile-")
            : Files.createTempDirectory("gatun-hostile-");
    EngineSettings defaults = EngineSettings.defaults(base.resolve("root"));
    engine =
        EngineRoot.open(
            new UnsyncedDisk(),
            new EngineSettings(
                defaults.root(),
                DriverSetting.NATIVE,
                defaults.overlay(),
                defaults.copyThreads(),
                defaults.layerSync(),
                new MetadataSettings(100, 256 << 10)),
            InstantSource.system());
    unpacker = engine.unpacker(1);
  }

  @AfterEach
  void close() throws IOException {
    watch.shutdownNow();
    engine.close();
    deleteTree(base);
  }

  @Test
  void hostileLayersAreThereWhollyOrNotAtAll() throws IOException {
    long seed = Long.getLong("gatun.apply.seed", new Random().nextLong());
    List<String> around = around();
    for (int i = 0; i < CASES; i++) {
      try {
        unpack(new HostileLayer(seed + i));
        assertThat(around()).isEqualTo(around);
      } catch (IOException | RuntimeException | Error e) {
        throw new AssertionError("-Dgatun.apply.seed=" + (seed + i), e);
      }
    }
    System.out.printf("hostile trees: %d unpacked, %d refused, seed %d%n", unpacked, refused, seed);
    assertThat(unpacked).isGreaterThan(CASES / 20);
    assertThat(refused).isGreaterThan(CASES / 5);
  }

  private void unpack(HostileLayer layer) throws IOException {
    Snapshotter snapshots = engine.snapshotter();
    List<Mount> mounts = snapshots.prepare(KEY, "", Map.of());
    Path files = Path.of(mounts.getFirst().source());
    try {
      unpack(layer.blob(), mounts);
      unpacked++;
      Usage usage = snapshots.usage(KEY);
      assertThat(usage.inodes()).isEqualTo(inodes(files));
    } catch (SnapshotException.InvalidArgument | SnapshotException.Unsupported e) {
      refused++;
      assertThat(e).hasMessageContaining("layer " + BytesBlob.digestOf(layer.blob()));
      assertThat(files).isEmptyDirectory();
      unpack(GOOD, mounts);
      assertThat(files.resolve("dir/good")).hasContent("whatever there was before");
    }
    snapshots.remove(KEY);
    snapshots.cleanup();
  }

  private void unpack(byte[] blob, List<Mount> mounts) {
    Cancellation cancellation = new Cancellation();
    Future<?> tooLate = watch.schedule(cancellation::cancel, SECONDS_MAX, TimeUnit.SECONDS);
    try {
      var _ = unpacker.unpack(new BytesBlob(blob, 3000), mounts, false, cancellation);
    } catch (CancellationException e) {
      fail("takes more than " + SECONDS_MAX + " s", e);
    } finally {
      tooLate.cancel(false);
    }
  }

  /** {@return how many files there are, counting the top, and those with several names once} */
  private static long inodes(Path top) throws IOException {
    try (Stream<Path> walk = Files.walk(top)) {
      return walk.map(HostileTreesTest::inode).distinct().count();
    }
  }

  private static Object inode(Path path) {
    try {
      return Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return what is beside the files of snapshots, as far as nobody but a layer changes it} */
  private List<String> around() throws IOException {
    Path root = base.resolve("root");
    try (Stream<Path> above = Files.list(base);
        Stream<Path> tops = Files.list(root);
        Stream<Path> empty = Files.list(root.resolve("empty"));
        Stream<Path> snapshots = Files.list(root.resolve("snapshots"))) {
      return Stream.of(above, tops, empty, snapshots)
          .flatMap(names -> names)
          .map(Path::toString)
          .sorted()
          .toList();
    }
  }

  private static void deleteTree(Path top) throws IOException {
    Files.walkFileTree(
        top,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, IOException failure)
              throws IOException {
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
