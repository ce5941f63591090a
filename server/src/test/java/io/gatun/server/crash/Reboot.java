package io.gatun.server.crash;

import io.gatun.server.crash.Violation.Promise;
import io.gatun.server.powercut.Filesystem;
import io.gatun.server.powercut.LoopMount;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;

/** Mounts the disk after a cut, as after a reboot, and starts a daemon on it. */
final class Reboot {

  /** How the daemon is started. */
  enum Manner {
    /** In this process and without a socket, which takes a tenth of the time. */
    ENGINE_ALONE,
    /** As on a node. */
    PROCESS
  }

  /** As {@link Launcher} configures it. */
  private static final OverlaySettings OVERLAY =
      new OverlaySettings(List.of(), false, false, true, false);

  private final Filesystem filesystem;
  private final Path volume;
  private final Path root;
  private final Launcher launcher;
  private final LayerBlobs blobs;
  private final EventLoopGroup loops;

  /**
   * @param volume the mount point, the same as before, since paths are absolute
   * @param root the root on it
   * @param launcher for daemons on that root
   * @param blobs of layers, as the launcher's daemons find them
   */
  Reboot(
      Filesystem filesystem,
      Path volume,
      Path root,
      Launcher launcher,
      LayerBlobs blobs,
      EventLoopGroup loops) {
    this.filesystem = filesystem;
    this.volume = volume;
    this.root = root;
    this.launcher = launcher;
    this.blobs = blobs;
    this.loops = loops;
  }

  /**
   * Starts and stops a daemon, and checks the root before and after.
   *
   * @param image the disk, which changes
   * @param instant the ledger's instant of the power cut
   */
  Audit.Result run(Path image, Ledger ledger, long instant, Manner manner) throws IOException {
    try (var _ = LoopMount.mount(filesystem, image, volume);
        KernelMounts layers = new KernelMounts(root)) {
      List<Violation> before = RootAudit.of(root);
      Audit.Result result =
          switch (manner) {
            case ENGINE_ALONE -> runEngine(ledger, instant);
            case PROCESS -> runProcess(ledger, instant);
          };
      return result.with(before).with(RootAudit.of(root)).with(layers.takeAway());
    }
  }

  private Audit.Result runEngine(Ledger ledger, long instant) throws IOException {
    EngineSettings defaults = EngineSettings.defaults(root);
    EngineSettings settings =
        new EngineSettings(
            root,
            DriverSetting.OVERLAY,
            OVERLAY,
            defaults.copyThreads(),
            defaults.syncPolicy(),
            Launcher.METADATA);
    try (EngineRoot engine = EngineRoot.open(new LinuxDisk(), settings, Clock.systemUTC(), blobs)) {
      return Audit.of(engine.snapshotter(), root, ledger, instant, Audit.Crash.OF_THE_MACHINE);
    } catch (UnusableRootException e) {
      return refused(String.valueOf(e.getMessage()));
    }
  }

  private Audit.Result runProcess(Ledger ledger, long instant) throws IOException {
    try (DaemonUnderTest daemon = launcher.start("")) {
      if (!daemon.awaitReadyOrEnd()) {
        return refused(daemon.log());
      }
      try (RemoteSnapshotter snapshots = new RemoteSnapshotter(daemon.socket(), loops)) {
        return Audit.of(snapshots, root, ledger, instant, Audit.Crash.OF_THE_MACHINE);
      } finally {
        daemon.stop();
      }
    }
  }

  private static Audit.Result refused(String reason) {
    return Audit.Result.nothing(
        List.of(
            new Violation(Promise.DAEMON_STARTS, reason),
            new Violation(
                Promise.ACKNOWLEDGED_IS_DURABLE, "the daemon does not start: " + reason)));
  }
}
