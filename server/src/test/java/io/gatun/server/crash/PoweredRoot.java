package io.gatun.server.crash;

import io.gatun.server.powercut.CacheFate;
import io.gatun.server.powercut.DiskImage;
import io.gatun.server.powercut.Filesystem;
import io.gatun.server.powercut.PowerCut;
import io.gatun.server.powercut.WriteLog;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * A root on a disk whose power is cut repeatedly.
 *
 * <pre>
 *   disk -- clients at work --> log -- cut --> disk 1 -- start and audit
 *                                   -- cut --> disk 2 -- start and audit
 *                                   -- cut --> disk 3 -- start and audit -- clients at work --> log
 * </pre>
 *
 * One log serves several cuts, and the daemon continues on the disk of the last one. The work of a
 * start is thus cut, too, and later work builds on its durable results.
 */
final class PoweredRoot implements AutoCloseable {

  private static final long DISK_BYTES = 320L << 20;
  private static final long LOG_BYTES = 1L << 30;

  /** The share of cuts at the instant of an acknowledgement that the test aims at. */
  private static final double AIMED_SHARE = 0.5;

  private final Filesystem filesystem;
  private final Path disks;
  private final Recording recording;
  private final Reboot reboot;

  private Path disk;
  private Audit.Result known = Audit.Result.nothing(List.of());
  private int epochs;

  /**
   * Creates an empty disk.
   *
   * @param layers the layers that the daemon unpacks
   * @param directory a new directory
   * @param disks an existing directory with room for some disks
   */
  PoweredRoot(
      Filesystem filesystem,
      Preparation preparation,
      LayerPool layers,
      Path directory,
      Path disks,
      EventLoopGroup loops)
      throws IOException {
    this.filesystem = filesystem;
    this.disks = disks;
    Path volume = Files.createDirectories(directory.resolve("volume"));
    Path root = volume.resolve("root");
    Launcher launcher = new Launcher(directory, root, preparation, layers.configuration());
    this.recording = new Recording(filesystem, directory, launcher, layers, loops);
    this.reboot = new Reboot(filesystem, volume, root, launcher, layers, loops);
    this.disk = disks.resolve("epoch-0.img");
    DiskImage.create(disk, DISK_BYTES).close();
    filesystem.make(disk);
  }

  /**
   * A power cut.
   *
   * @param position the number of events of the log before it
   * @param fate the fate of the disk's cache
   * @param seed selects the parts of the cache that survive
   */
  record Cut(int position, CacheFate fate, long seed) {}

  /** The result of a daemon's start after a cut. */
  record Outcome(Cut cut, int events, Reboot.Manner manner, Audit.Result result) {}

  /**
   * Runs clients, and cuts the power several times.
   *
   * @param configuration further lines for the configuration file of the clients' daemon
   * @param steps the number of the clients' steps
   * @param count the number of cuts
   * @param aim the instants in a snapshot's life that many cuts aim at
   * @param keep the directory for copies of disks on which a promise was broken, as the cut left
   *     them
   */
  List<Outcome> live(
      String configuration,
      int steps,
      int count,
      Function<Slot, List<Long>> aim,
      RandomGenerator random,
      Path keep)
      throws IOException {
    return live(configuration, steps, count, aim, random, keep, _ -> false);
  }

  /**
   * The same, up to the first cut that shows enough.
   *
   * @param isEnough tests the outcome of each cut
   */
  List<Outcome> live(
      String configuration,
      int steps,
      int count,
      Function<Slot, List<Long>> aim,
      RandomGenerator random,
      Path keep,
      Predicate<Outcome> isEnough)
      throws IOException {
    epochs++;
    Path live = disks.resolve("live.img");
    try (WriteLog log = WriteLog.create(disks, LOG_BYTES)) {
      Ledger ledger = known.continued(log::position);
      try (DiskImage before = DiskImage.open(disk)) {
        recording.run(
            "epoch-%d".formatted(epochs),
            before.copyTo(live),
            log,
            ledger,
            configuration,
            steps,
            random);
      }
      Files.delete(live);
      return cut(log, ledger, cuts(log, ledger, count, aim, random), keep, isEnough);
    }
  }

  private List<Cut> cuts(
      WriteLog log,
      Ledger ledger,
      int count,
      Function<Slot, List<Long>> aim,
      RandomGenerator random) {
    List<Long> aims = ledger.slots().stream().flatMap(slot -> aim.apply(slot).stream()).toList();
    List<Integer> positions = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      positions.add(
          !aims.isEmpty() && random.nextDouble() < AIMED_SHARE
              ? aims.get(random.nextInt(aims.size())).intValue()
              : random.nextInt(log.position() + 1));
    }
    return positions.stream()
        .sorted()
        .map(position -> new Cut(position, CacheFate.draw(random), random.nextLong()))
        .toList();
  }

  private List<Outcome> cut(
      WriteLog log, Ledger ledger, List<Cut> cuts, Path keep, Predicate<Outcome> isEnough)
      throws IOException {
    List<Outcome> outcomes = new ArrayList<>();
    Path last = disk;
    try (PowerCut power = new PowerCut(DiskImage.open(disk), log, filesystem.sectorBytes())) {
      for (Cut cut : cuts) {
        Path capture = disks.resolve("epoch-%d-cut-%d.img".formatted(epochs, outcomes.size()));
        capture(power, cut, capture);
        Reboot.Manner manner =
            outcomes.isEmpty() ? Reboot.Manner.PROCESS : Reboot.Manner.ENGINE_ALONE;
        known = reboot.run(capture, ledger, cut.position(), manner);
        Outcome outcome = new Outcome(cut, log.position(), manner, known);
        outcomes.add(outcome);
        if (!known.violations().isEmpty()) {
          Files.createDirectories(keep);
          capture(power, cut, keep.resolve(capture.getFileName()));
        }
        if (!last.equals(disk)) {
          Files.delete(last);
        }
        last = capture;
        if (isEnough.test(outcome)) {
          break;
        }
      }
    }
    Files.delete(disk);
    disk = last;
    return outcomes;
  }

  private static void capture(PowerCut power, Cut cut, Path image) throws IOException {
    Files.deleteIfExists(image);
    power.cut(cut.position(), cut.fate(), new Random(cut.seed()), image);
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(disk);
  }
}
