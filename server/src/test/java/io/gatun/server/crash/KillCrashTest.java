package io.gatun.server.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.server.powercut.Filesystem;
import io.gatun.server.powercut.LoopMount;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Kills the daemon at random instants, while clients work and while it starts. */
@ExtendWith(Seed.InFailures.class)
final class KillCrashTest {

  private static final int CLIENTS = 8;
  private static final int STEPS_MAX = 150;
  private static final int FURTHER_MILLIS_MAX = 40;
  private static final double STARTING_SHARE = 0.2;
  private static final double STOPPING_SHARE = 0.05;
  private static final long FILESYSTEM_BYTES = 1L << 30;
  private static final long MEMORY_BYTES = 2L << 30;

  private static final EventLoopGroup LOOPS =
      new MultiThreadIoEventLoopGroup(2, NioIoHandler.newFactory());

  @TempDir Path scratch;

  @AfterAll
  static void stopClients() {
    LOOPS.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  /** One root with its daemon, which is killed repeatedly. */
  private record Lane(Program program, Filesystem filesystem) {}

  private static final List<Lane> LANES =
      List.of(
          new Lane(Program.DISTRIBUTION, Filesystem.EXT4),
          new Lane(Program.SMALL_JOURNALS, Filesystem.XFS));

  @Test
  void killedDaemonLosesNothing() throws Exception {
    long seed = Seed.choose("kill -9");
    Path memory = Files.createDirectory(scratch.resolve("memory"));
    Path content = Files.createDirectory(scratch.resolve("content"));
    try (MemoryDirectory disks = new MemoryDirectory(memory, MEMORY_BYTES);
        LayerPool layers = new LayerPool(content, Seed.part(seed, LANES.size()));
        ExecutorService threads = Executors.newFixedThreadPool(LANES.size())) {
      List<Future<String>> lanes = new ArrayList<>();
      for (int i = 0; i < LANES.size(); i++) {
        Lane lane = LANES.get(i);
        RandomGenerator random = Seed.part(seed, i);
        lanes.add(threads.submit(() -> run(lane, disks.path(), layers, random)));
      }
      for (Future<String> lane : lanes) {
        System.out.println("kill -9: " + outcome(lane));
      }
    }
  }

  private static String outcome(Future<String> lane) throws Exception {
    try {
      return lane.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case Exception failure -> throw failure;
        case Error failure -> throw failure;
        case null, default -> throw e;
      }
    }
  }

  private String run(Lane lane, Path disks, LayerPool layers, RandomGenerator random)
      throws IOException {
    Path directory = Files.createDirectory(scratch.resolve(lane.program().name()));
    Path image = disks.resolve(lane.program() + ".img");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(FILESYSTEM_BYTES);
    }
    lane.filesystem().make(image);
    Preparation preparation = Preparation.of(lane.program(), directory);
    Path mountPoint = Files.createDirectory(directory.resolve("volume"));
    Path root = mountPoint.resolve("root");
    try (var _ = LoopMount.mount(lane.filesystem(), image, mountPoint);
        KernelMounts layersMounted = new KernelMounts(root)) {
      Launcher launcher = new Launcher(directory, root, preparation, layers.configuration());
      String outcome = new Killing(lane, directory, root, launcher, layers, random).run();
      assertThat(layersMounted.takeAway()).isEmpty();
      return outcome;
    }
  }

  /** The kills of one lane. */
  private static final class Killing {
    private final Lane lane;
    private final Path directory;
    private final Path root;
    private final RandomGenerator random;
    private final Launcher launcher;
    private final LayerPool layers;

    private Ledger ledger = new Ledger(() -> 0, Set.of());
    private int steps;
    private int killedAtStart;
    private int stops;
    private int tars;
    private long startNanos;

    Killing(
        Lane lane,
        Path directory,
        Path root,
        Launcher launcher,
        LayerPool layers,
        RandomGenerator random) {
      this.lane = lane;
      this.directory = directory;
      this.root = root;
      this.random = random;
      this.launcher = launcher;
      this.layers = layers;
    }

    String run() throws IOException {
      int kills = CrashForm.KILLS / LANES.size();
      for (int kill = 0; kill < kills; kill++) {
        if (startNanos > 0 && random.nextDouble() < STARTING_SHARE) {
          killAtStart(kill);
        } else {
          killAtWork(kill);
        }
      }
      startAndStop();
      assertThat(steps).as("steps of clients").isGreaterThan(kills * CLIENTS);
      // A short run may end before one of its daemons has committed an indexed layer.
      assertThat(tars > 0 || !CrashForm.IS_LONG).as("indexed layers").isTrue();
      return "%s on %s: %d kills, %d of them at the start, %d stops, %d steps of %d clients, %d tars seen"
          .formatted(
              lane.program(), lane.filesystem(), kills, killedAtStart, stops, steps, CLIENTS, tars);
    }

    private void killAtStart(int kill) throws IOException {
      try (DaemonUnderTest daemon = launcher.start(CrashForm.layersAndSync(kill))) {
        DaemonUnderTest.pause(random.nextLong(startNanos / 1_000_000 + 1));
        daemon.kill();
      }
      checkRoot();
      killedAtStart++;
    }

    private void killAtWork(int kill) throws IOException {
      if (random.nextDouble() < STOPPING_SHARE) {
        startAndStop();
      }
      long begin = System.nanoTime();
      try (DaemonUnderTest daemon = launcher.start(CrashForm.layersAndSync(kill))) {
        daemon.awaitReady();
        startNanos = System.nanoTime() - begin;
        audit(daemon);
        Load load =
            Load.start(
                "kill-%d".formatted(kill),
                CLIENTS,
                daemon.socket(),
                LOOPS,
                ledger,
                directory.resolve("mounts"),
                layers,
                random);
        try {
          load.awaitSteps(random.nextInt(STEPS_MAX));
          DaemonUnderTest.pause(random.nextInt(FURTHER_MILLIS_MAX));
        } finally {
          load.expectEnd();
          daemon.kill();
          steps += load.join();
        }
      }
      checkRoot();
    }

    private void audit(DaemonUnderTest daemon) throws IOException {
      try (RemoteSnapshotter snapshots = new RemoteSnapshotter(daemon.socket(), LOOPS)) {
        Audit.Result result =
            Audit.of(snapshots, root, ledger, Slot.END, Audit.Crash.OF_THE_DAEMON);
        assertThat(result.violations()).as("log: %s", daemon.log()).isEmpty();
        ledger = result.continued(() -> 0);
        tars += result.tars();
      }
    }

    private void startAndStop() throws IOException {
      try (DaemonUnderTest daemon = launcher.start("")) {
        daemon.awaitReady();
        audit(daemon);
        try (RemoteSnapshotter snapshots = new RemoteSnapshotter(daemon.socket(), LOOPS)) {
          snapshots.cleanup();
        }
        daemon.stop();
      }
      checkRoot();
      stops++;
    }

    private void checkRoot() throws IOException {
      assertThat(RootAudit.of(root)).isEmpty();
    }
  }
}
