package io.gatun.server.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.server.crash.Violation.Promise;
import io.gatun.server.powercut.Filesystem;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Cuts the power while clients work, and starts the daemon on disks that a drive could show
 * afterwards.
 *
 * <p>A test that cannot find damage proves nothing. Some tests therefore run a daemon that omits
 * steps which its promises depend on, and fail unless the same cuts reveal that.
 */
@Execution(ExecutionMode.CONCURRENT)
@ExtendWith(Seed.InFailures.class)
final class PowerCutCrashTest {

  private static final int STEPS = 400;
  private static final int FLAWED_CUTS = 10;

  /** Unsynced data may reach the disk by chance, through another file's sync. */
  private static final int FLAWED_ROUNDS_MAX = 20;

  private static final long MEMORY_BYTES = 2L << 30;

  private static final EventLoopGroup LOOPS =
      new MultiThreadIoEventLoopGroup(2, NioIoHandler.newFactory());

  @TempDir static Path programs;

  /** Programs that were started once, which takes as long as several cuts. */
  private static final Map<Program, Preparation> PREPARED = new EnumMap<>(Program.class);

  @TempDir Path scratch;

  private MemoryDirectory disks;

  @BeforeEach
  void mountDisks() throws IOException {
    disks = new MemoryDirectory(Files.createDirectory(scratch.resolve("disks")), MEMORY_BYTES);
  }

  @AfterEach
  void unmountDisks() throws IOException {
    disks.close();
  }

  @AfterAll
  static void stopClients() {
    LOOPS.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  @ParameterizedTest
  @EnumSource
  void acknowledgedIsDurableAndLayersAreWholeOn(Filesystem filesystem) throws IOException {
    long seed = Seed.choose("power cut on " + filesystem);
    try (LayerPool layers = layers(seed, false)) {
      assertHolds(filesystem, layers, seed, CrashForm::layers);
    }
  }

  @ParameterizedTest
  @EnumSource
  void acknowledgedIsThereAgainIfItIsSyncedInTheBackgroundOn(Filesystem filesystem)
      throws IOException {
    long seed = Seed.choose("power cut in the background on " + filesystem);
    try (LayerPool layers = layers(seed, true)) {
      assertHolds(filesystem, layers, seed, _ -> CrashForm.BACKGROUND);
    }
  }

  /**
   * Layers may be missing, since their names are not synced, but no file of theirs has wrong
   * content.
   */
  @ParameterizedTest
  @EnumSource
  void tarsThatAreNotSyncedAreNotTakenForLayersOn(Filesystem filesystem) throws IOException {
    long seed = Seed.choose("power cut without syncs on " + filesystem);
    Path kept = Path.of("target/powercut/%s-%d".formatted(filesystem, seed)).toAbsolutePath();
    try (LayerPool layers = layers(seed, true);
        PoweredRoot root = root(filesystem, Program.SMALL_JOURNALS, layers)) {
      List<PoweredRoot.Outcome> outcomes =
          root.live(
              CrashForm.UNSYNCED,
              STEPS,
              CrashForm.CUTS,
              Slot::acknowledgements,
              Seed.part(seed, 0),
              kept);
      assertThat(outcomes)
          .as("disks are kept in %s", kept)
          .flatExtracting(outcome -> outcome.result().violations())
          .extracting(Violation::promise)
          .doesNotContain(Promise.TAR_IS_WHOLE, Promise.DAEMON_STARTS);
      assertThat(outcomes).anyMatch(outcome -> outcome.result().tars() > 0);
    }
  }

  private void assertHolds(
      Filesystem filesystem, LayerPool layers, long seed, IntFunction<String> configuration)
      throws IOException {
    Path kept = Path.of("target/powercut/%s-%d".formatted(filesystem, seed)).toAbsolutePath();
    List<PoweredRoot.Outcome> outcomes = new ArrayList<>();
    try (PoweredRoot root = root(filesystem, Program.SMALL_JOURNALS, layers)) {
      for (int epoch = 0; epoch < CrashForm.EPOCHS; epoch++) {
        outcomes.addAll(
            root.live(
                configuration.apply(epoch),
                STEPS,
                CrashForm.CUTS,
                Slot::acknowledgements,
                Seed.part(seed, epoch),
                kept));
        assertThat(outcomes)
            .as("disks are kept in %s", kept)
            .allSatisfy(outcome -> assertThat(outcome.result().violations()).isEmpty());
      }
    }
    int tars = outcomes.stream().mapToInt(outcome -> outcome.result().tars()).sum();
    assertThat(tars).as("indexed layers").isPositive();
    System.out.printf(
        "power cut on %s: %d cuts, and %d snapshots and %d tars seen after them%n",
        filesystem,
        outcomes.size(),
        outcomes.stream().mapToInt(outcome -> outcome.result().states().size()).sum(),
        tars);
  }

  @ParameterizedTest
  @EnumSource
  void layersThatAreNotSyncedAreFoundDamagedOn(Filesystem filesystem) throws IOException {
    assertFound(
        List.of(Promise.LAYER_IS_WHOLE, Promise.UNPACKED_IS_DURABLE),
        filesystem,
        Program.SMALL_JOURNALS,
        "layer_sync = \"none\"",
        Slot::acknowledgements);
  }

  /**
   * Every other blob has no file. The cuts come when there are applied but uncommitted layers,
   * since those are not synced before their commit; few cuts come in time right after a commit.
   */
  @ParameterizedTest
  @EnumSource
  void layersThatAreSyncedInTheBackgroundAreFoundLostWithoutTheirBlobsOn(Filesystem filesystem)
      throws IOException {
    assertFound(
        List.of(Promise.UNPACKED_IS_DURABLE),
        filesystem,
        Program.SMALL_JOURNALS,
        CrashForm.BACKGROUND,
        Slot::unpackedInstants);
  }

  @ParameterizedTest
  @EnumSource
  void journalThatIsNotSyncedIsFoundToLoseAcknowledgementsOn(Filesystem filesystem)
      throws IOException {
    assertFound(
        List.of(Promise.ACKNOWLEDGED_IS_DURABLE),
        filesystem,
        Program.UNSYNCED_JOURNAL,
        "",
        Slot::acknowledgements);
  }

  @ParameterizedTest
  @EnumSource
  void directoriesThatAreNotSyncedAreFoundToBeGoneOn(Filesystem filesystem) throws IOException {
    assertFound(
        List.of(Promise.DIRECTORY_IS_THERE),
        filesystem,
        Program.UNSYNCED_DIRECTORIES,
        "",
        Slot::acknowledgements);
  }

  private void assertFound(
      List<Promise> promises,
      Filesystem filesystem,
      Program program,
      String configuration,
      Function<Slot, List<Long>> aim)
      throws IOException {
    long seed = Seed.choose("%s and \"%s\" on %s".formatted(program, configuration, filesystem));
    List<Violation> found = new ArrayList<>();
    try (LayerPool layers = layers(seed, false)) {
      Set<Promise> missing = new HashSet<>(promises);
      for (int round = 0; round < FLAWED_ROUNDS_MAX && !missing.isEmpty(); round++) {
        found.addAll(
            cutFlawed(
                filesystem, program, layers, configuration, aim, Seed.part(seed, round), missing));
      }
      assertThat(found).extracting(Violation::promise).containsAll(promises);
      for (Promise promise : promises) {
        System.out.println(
            "found: "
                + found.stream()
                    .filter(violation -> violation.promise() == promise)
                    .findFirst()
                    .orElseThrow());
      }
    }
  }

  /**
   * Cuts the power until each promise has been seen broken, or several times.
   *
   * @param missing the promises not seen broken yet
   */
  private List<Violation> cutFlawed(
      Filesystem filesystem,
      Program program,
      LayerPool layers,
      String configuration,
      Function<Slot, List<Long>> aim,
      RandomGenerator random,
      Set<Promise> missing)
      throws IOException {
    try (PoweredRoot root = root(filesystem, program, layers)) {
      return root
          .live(
              configuration,
              STEPS,
              FLAWED_CUTS,
              aim,
              random,
              scratch.resolve("kept"),
              outcome -> {
                outcome.result().violations().forEach(found -> missing.remove(found.promise()));
                return missing.isEmpty();
              })
          .stream()
          .flatMap(outcome -> outcome.result().violations().stream())
          .toList();
    }
  }

  private LayerPool layers(long seed, boolean haveAllFiles) throws IOException {
    Path directory = Files.createDirectory(scratch.resolve("content"));
    return new LayerPool(directory, haveAllFiles, Seed.part(seed, CrashForm.EPOCHS));
  }

  private PoweredRoot root(Filesystem filesystem, Program program, LayerPool layers)
      throws IOException {
    Path directory = Files.createTempDirectory(scratch, "daemon-");
    return new PoweredRoot(filesystem, prepared(program), layers, directory, disks.path(), LOOPS);
  }

  private static Preparation prepared(Program program) throws IOException {
    synchronized (PREPARED) {
      Preparation prepared = PREPARED.get(program);
      if (prepared == null) {
        prepared = Preparation.of(program, Files.createDirectory(programs.resolve(program.name())));
        PREPARED.put(program, prepared);
      }
      return prepared;
    }
  }
}
