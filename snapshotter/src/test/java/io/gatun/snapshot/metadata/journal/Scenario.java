package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.Records;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Stream;

/** Ways in which metadata files come about, each with the changes acknowledged by then. */
enum Scenario {
  /** Killed before any checkpoint but the first, which is empty. */
  KILLED,
  /** Killed with a checkpoint and several journals since. */
  KILLED_WITH_JOURNALS,
  /** After a clean stop. */
  STOPPED,
  /** Restarted after a clean stop, and killed after a few changes. */
  RESTARTED_AND_KILLED;

  /** Small, to fill journals quickly; all snapshots of the workload fit. */
  static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);

  private static final long SEED = 20261124;
  private static final int LABEL_BYTES_MAX = 2_000;

  private static final Map<Scenario, Left> LEFT = new ConcurrentHashMap<>();

  /**
   * The result of a scenario.
   *
   * @param image the files
   * @param acknowledged all snapshots that must exist
   * @param known every snapshot state ever acknowledged
   * @param lastId the last id given out
   */
  record Left(
      MetadataImage image,
      List<SnapshotRecord> acknowledged,
      List<SnapshotRecord> known,
      long lastId) {}

  /** {@return the result; always the same} */
  Left left() {
    return LEFT.computeIfAbsent(this, Scenario::run);
  }

  private static Left run(Scenario scenario) {
    try {
      Path directory = Files.createTempDirectory("gatun-metadata-");
      try {
        return new Workload(directory).run(scenario);
      } finally {
        LoopFilesystem.run(List.of("rm", "-rf", "--", directory.toString()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs the store up to the end of a scenario. */
  private static final class Workload {
    private final Path directory;
    private final RandomGenerator random =
        RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    private final List<SnapshotRecord> known = new ArrayList<>();
    private long lastId;

    Workload(Path directory) {
      this.directory = directory;
    }

    Left run(Scenario scenario) throws IOException {
      return switch (scenario) {
        case KILLED -> {
          try (MetadataStore store = open(new UnsyncedDisk())) {
            change(store, 12);
            yield left(store);
          }
        }
        case KILLED_WITH_JOURNALS -> {
          FullForCheckpoints disk = new FullForCheckpoints();
          try (MetadataStore store = open(disk)) {
            long checkpoint = changeUntil(store, MetadataFile::checkpointGeneration, 3);
            disk.isFull = true;
            changeUntil(store, MetadataFile::journalGeneration, checkpoint + 3);
            change(store, 3);
            Left left = left(store);
            if (left.image().journals().size() < 2) {
              throw new AssertionError("no journals to speak of: " + left.image());
            }
            yield left;
          }
        }
        case STOPPED -> {
          List<SnapshotRecord> acknowledged;
          try (MetadataStore store = open(new UnsyncedDisk())) {
            changeUntil(store, MetadataFile::checkpointGeneration, 2);
            change(store, 8);
            acknowledged = Records.all(store);
          }
          yield new Left(MetadataImage.of(directory), acknowledged, known, lastId);
        }
        case RESTARTED_AND_KILLED -> {
          try (MetadataStore store = open(new UnsyncedDisk())) {
            change(store, 8);
          }
          try (MetadataStore store = open(new UnsyncedDisk())) {
            change(store, 5);
            yield left(store);
          }
        }
      };
    }

    private MetadataStore open(Disk disk) throws IOException {
      return MetadataStore.open(disk, directory, SETTINGS);
    }

    private Left left(MetadataStore store) throws IOException {
      return new Left(MetadataImage.of(directory), Records.all(store), known, lastId);
    }

    /** {@return the generation of the newest file of a kind, once it reaches the given one} */
    private long changeUntil(
        MetadataStore store, Function<String, OptionalLong> generation, long wanted)
        throws IOException {
      for (int i = 0; i < 10_000; i++) {
        long newest = newest(generation);
        if (newest >= wanted) {
          return newest;
        }
        change(store, 1);
      }
      throw new AssertionError("there never is generation " + wanted);
    }

    private long newest(Function<String, OptionalLong> generation) throws IOException {
      try (Stream<Path> files = Files.list(directory)) {
        return files
            .map(file -> generation.apply(file.getFileName().toString()))
            .flatMapToLong(OptionalLong::stream)
            .max()
            .orElse(0);
      }
    }

    /** Makes changes of all kinds, each in a batch of its own. */
    private void change(MetadataStore store, int changes) {
      for (int i = 0; i < changes; i++) {
        List<SnapshotRecord> all = Records.all(store);
        if (all.size() < 4 || (all.size() < 20 && random.nextInt(3) == 0)) {
          add(store, all);
        } else if (random.nextInt(4) == 0) {
          remove(store, all.get(random.nextInt(all.size())));
        } else {
          SnapshotRecord any = all.get(random.nextInt(all.size()));
          put(store, Records.with(any, labels(), random.nextInt(1, 1_000)));
        }
      }
    }

    private void add(MetadataStore store, List<SnapshotRecord> all) {
      lastId = store.nextId();
      List<SnapshotRecord> parents =
          all.stream().filter(record -> record.kind() == io.gatun.snapshot.Kind.COMMITTED).toList();
      if (!parents.isEmpty() && random.nextBoolean()) {
        SnapshotRecord parent = parents.get(random.nextInt(parents.size()));
        put(store, Records.activeOn(lastId, "key " + lastId, parent));
      } else if (random.nextBoolean()) {
        put(store, Records.active(lastId, "key " + lastId));
      } else {
        put(store, Records.committed(lastId, "sha256:" + lastId));
      }
    }

    private void put(MetadataStore store, SnapshotRecord record) {
      store.put(record);
      known.add(record);
    }

    private void remove(MetadataStore store, SnapshotRecord record) {
      try {
        store.remove(record.id());
      } catch (SnapshotException.FailedPrecondition e) {
        // It has children: update it instead.
        put(store, Records.with(record, labels(), 1));
      }
    }

    private Map<String, String> labels() {
      return Map.of("label", "v".repeat(random.nextInt(LABEL_BYTES_MAX)));
    }
  }

  /** A disk that, once full, has no space for checkpoints. */
  private static final class FullForCheckpoints extends ForwardingDisk {
    private volatile boolean isFull;

    FullForCheckpoints() {
      super(new UnsyncedDisk());
    }

    @Override
    public Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
      if (isFull && name.toString().startsWith("checkpoint-")) {
        throw new ErrnoException("openat", Errno.ENOSPC, name);
      }
      return super.createFile(parent, name, mode);
    }
  }
}
