package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: Commit and Remove, for which containerd waits with its metadata locked, take no longer for
 * a layer of 80,000 files than for a small one, with each file on disk when Apply returns: at the
 * median 2 ms and 5 ms, in a daemon that has been running for a while. Method: medians of a few
 * layers, which are printed. The limits assume a disk whose syncs cost almost nothing, so the
 * measured time of each sync that the call must wait for is added.
 */
@Timeout(600)
@Tag("alone")
class LayerCostIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int LAYERS = 3;
  private static final int DIRECTORIES = 200;
  private static final int FILES_EACH = 100;

  /** Enough for the JIT to compile the code. */
  private static final int SMALL_LAYERS = 300;

  private static final int ATTEMPTS_MAX = 3;

  private static final Duration COMMIT_MAX = Duration.ofMillis(2);
  private static final Duration REMOVE_MAX = Duration.ofMillis(5);

  /**
   * Syncs of directories in a rebase: that the snapshot inherits attributes, and which. Commit and
   * Remove also wait for the journal.
   */
  private static final int REBASE_SYNCS = 2;

  private final byte[] large = layer(DIRECTORIES);
  private final byte[] small = layer(1);

  /** {@return a layer without an entry for its topmost directory} */
  private static byte[] layer(int directories) {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < directories; i++) {
      String directory = "usr/d" + i;
      tar.directory(directory, 0755);
      for (int j = 0; j < FILES_EACH; j++) {
        tar.file(directory + "/f" + j, 0644, "x");
      }
    }
    return tar.finish();
  }

  /**
   * The medians of one attempt.
   *
   * @param commitSyncs the time of the syncs that a commit must wait for
   * @param removalSyncs the same for a removal
   */
  private record Costs(
      Duration commit, Duration commitSyncs, Duration removal, Duration removalSyncs) {

    boolean areMet() {
      return commit.compareTo(COMMIT_MAX.plus(commitSyncs)) < 0
          && removal.compareTo(REMOVE_MAX.plus(removalSyncs)) < 0;
    }
  }

  /** Other load only adds to the times, so one attempt within the limits is enough. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void commitAndRemoveTakeNoLongerForManyFiles(boolean isRebase) throws Exception {
    List<Costs> attempts = new ArrayList<>();
    do {
      attempts.add(measure(isRebase));
      System.out.printf(
          "layer of %d files, rebase %s: %s%n",
          DIRECTORIES * FILES_EACH, isRebase, attempts.getLast());
    } while (!attempts.getLast().areMet() && attempts.size() < ATTEMPTS_MAX);

    assertThat(attempts).anyMatch(Costs::areMet);
  }

  private Costs measure(boolean isRebase) throws Exception {
    Path directory = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("cost-");
    OverlaySettings overlay = isRebase ? TestRoots.REBASING : TestRoots.PLAIN;
    List<Duration> commits = new ArrayList<>();
    List<Duration> removals = new ArrayList<>();
    List<Duration> journalSyncs = new ArrayList<>();
    List<Duration> directorySyncs = new ArrayList<>();
    try (SmallSyncs syncs = new SmallSyncs(Files.createDirectory(directory.resolve("syncs")));
        EngineRoot root =
            TestRoots.open(directory.resolve("root"), DriverSetting.OVERLAY, overlay)) {
      Snapshotter snapshots = root.snapshotter();
      LayerUnpacker unpacker = root.unpacker(1);
      unpack(snapshots, unpacker, "base", "", TarBuilder.pax().directory("usr", 0755).finish());
      snapshots.commit("base", key("base"), "", NO_LABELS);
      for (int i = 0; i < SMALL_LAYERS + LAYERS; i++) {
        boolean isCounted = i >= SMALL_LAYERS;
        String name = "layer-" + i;
        unpack(snapshots, unpacker, name, isRebase ? "" : "base", isCounted ? large : small);
        Duration commit = timed(() -> snapshots.commit(name, key(name), "base", NO_LABELS));
        Duration journalSync = timed(syncs::ofContent);
        Duration directorySync = timed(syncs::ofNames);
        Duration removal = timed(() -> snapshots.remove(name));
        if (isCounted) {
          commits.add(commit);
          journalSyncs.add(journalSync);
          directorySyncs.add(directorySync);
          removals.add(removal);
          snapshots.cleanup();
        }
      }
    }
    Duration journal = median(journalSyncs);
    Duration changes = isRebase ? median(directorySyncs).multipliedBy(REBASE_SYNCS) : Duration.ZERO;
    return new Costs(median(commits), journal.plus(changes), median(removals), journal);
  }

  private static void unpack(
      Snapshotter snapshots, LayerUnpacker unpacker, String name, String parent, byte[] tar) {
    List<Mount> mounts = snapshots.prepare(key(name), parent, NO_LABELS);
    unpacker
        .find(mounts)
        .unpack(new BytesBlob(tar), false, NextLayerHint.UNKNOWN, new Cancellation());
  }

  private static String key(String name) {
    return "default/1/extract-1-a sha256:" + name;
  }

  private static Duration timed(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return Duration.ofNanos(System.nanoTime() - start);
  }

  private static Duration median(List<Duration> times) {
    return times.stream().sorted().toList().get(times.size() / 2);
  }

  /** The smallest syncs that a call can wait for. */
  private static final class SmallSyncs implements AutoCloseable {

    private static final int BYTES = 4096;

    private final Path directory;
    private final FileChannel names;
    private final FileChannel content;

    SmallSyncs(Path directory) throws IOException {
      this.directory = directory;
      this.names = FileChannel.open(directory, StandardOpenOption.READ);
      this.content =
          FileChannel.open(
              directory.resolve("content"),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.WRITE);
      content.write(ByteBuffer.allocate(BYTES));
      content.force(true);
    }

    /** Overwrites and syncs a block, as a journal does. */
    void ofContent() {
      try {
        content.write(ByteBuffer.allocate(BYTES), 0);
        content.force(false);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Creates a name and syncs the directory. */
    void ofNames() {
      try {
        Files.createTempFile(directory, "name", "");
        names.force(true);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() throws IOException {
      try (names;
          content) {
        // Closes both.
      }
    }
  }
}
