package io.gatun.snapshot.engine;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.UnsyncedDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Engines for tests of the semantics of requests. They mount nothing and do not wait for the disk.
 * The driver is the one without privileges.
 */
public final class TestEngine {

  public static final Map<String, String> NO_LABELS = Map.of();

  private static final int ENTRIES_MAX = 100;
  private static final int JOURNAL_BYTES = 256 << 10;

  private TestEngine() {}

  public static EngineRoot open(Path root) throws UnusableRootException {
    return open(root, InstantSource.system());
  }

  public static EngineRoot open(Path root, InstantSource clock) throws UnusableRootException {
    return open(root, clock, ENTRIES_MAX);
  }

  public static EngineRoot open(Path root, InstantSource clock, int entriesMax)
      throws UnusableRootException {
    return EngineRoot.open(new UnsyncedDisk(), settings(root, entriesMax), clock);
  }

  /** Opens an engine with the disk or the driver of a test. */
  public static EngineRoot open(Path root, Disk disk, UnaryOperator<Driver> between)
      throws UnusableRootException {
    return EngineRoot.open(
        disk,
        settings(root, ENTRIES_MAX),
        InstantSource.system(),
        LayerBlobs.NONE,
        "this boot",
        between);
  }

  static EngineSettings settings(Path root) {
    return settings(root, ENTRIES_MAX);
  }

  private static EngineSettings settings(Path root, int entriesMax) {
    EngineSettings defaults = EngineSettings.defaults(root);
    return new EngineSettings(
        root,
        DriverSetting.NATIVE,
        defaults.overlay(),
        1,
        defaults.syncPolicy(),
        new MetadataSettings(entriesMax, JOURNAL_BYTES));
  }

  /** {@return the listed snapshots, by name} */
  public static Map<String, SnapshotInfo> list(Snapshotter snapshots, String... filters) {
    Map<String, SnapshotInfo> listed = new TreeMap<>();
    snapshots.list(
        List.of(filters),
        info -> {
          if (listed.put(info.name(), info) != null) {
            throw new AssertionError(info.name() + " was listed twice");
          }
        });
    return listed;
  }

  /** {@return the ids with a directory in a root} */
  public static Set<Long> directories(Path root) {
    return names(root.resolve("snapshots")).stream()
        .map(Long::valueOf)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** {@return the names in a directory} */
  public static Set<String> names(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
