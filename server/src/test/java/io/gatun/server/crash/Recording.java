package io.gatun.server.crash;

import io.gatun.server.powercut.DiskImage;
import io.gatun.server.powercut.Filesystem;
import io.gatun.server.powercut.LoggedDisk;
import io.gatun.server.powercut.LoopMount;
import io.gatun.server.powercut.WriteLog;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.random.RandomGenerator;

/** Runs clients, and logs all writes to the disk meanwhile. */
final class Recording {

  private static final int CLIENTS = 8;

  private final Filesystem filesystem;
  private final Path directory;
  private final Launcher launcher;
  private final LayerPool layers;
  private final EventLoopGroup loops;

  /**
   * @param directory for mount points
   * @param launcher for daemons whose root is {@code root} at the mount point {@code volume}
   * @param layers the layers that daemons unpack for the clients
   */
  Recording(
      Filesystem filesystem,
      Path directory,
      Launcher launcher,
      LayerPool layers,
      EventLoopGroup loops) {
    this.filesystem = filesystem;
    this.directory = directory;
    this.launcher = launcher;
    this.layers = layers;
    this.loops = loops;
  }

  /**
   * Runs clients on a disk.
   *
   * @param id distinguishes them from all others on this root
   * @param image the disk's content, which changes; closed afterwards
   * @param log the log of the disk
   * @param ledger whose clock is the position in that log
   * @param configuration further lines for the daemon's configuration file
   * @param steps the number of the clients' steps
   */
  void run(
      String id,
      DiskImage image,
      WriteLog log,
      Ledger ledger,
      String configuration,
      int steps,
      RandomGenerator random)
      throws IOException {
    Path device = Files.createFile(directory.resolve("device"));
    Path volume = directory.resolve("volume");
    try (var _ = new LoggedDisk(image, device, log);
        var _ = LoopMount.mount(filesystem, device, volume);
        var _ = new KernelMounts(volume.resolve("root"));
        DaemonUnderTest daemon = launcher.start(configuration)) {
      daemon.awaitReady();
      Load load =
          Load.start(
              id,
              CLIENTS,
              daemon.socket(),
              loops,
              ledger,
              directory.resolve("mounts"),
              layers,
              random);
      try {
        load.awaitSteps(steps);
      } finally {
        load.join();
      }
      daemon.kill();
    }
    Files.delete(device);
  }
}
