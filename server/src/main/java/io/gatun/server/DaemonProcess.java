package io.gatun.server;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.snapshot.engine.EngineRoot;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon as a process, from its start to the signal that ends it.
 *
 * <p>SIGTERM and SIGINT both drain: the socket closes, calls in flight finish, the root is closed,
 * and the exit status is 0. SIGKILL is always safe and only makes the next start rebuild its index.
 */
public final class DaemonProcess {

  private static final Logger LOG = LoggerFactory.getLogger(DaemonProcess.class);

  private DaemonProcess() {}

  /**
   * Runs a daemon until a signal ends the process; does not return.
   *
   * @param version the version of Gatun, for the log
   * @throws StartException if it cannot start
   */
  public static void run(String version, Configuration configuration) {
    LogConfiguration.setLevel(configuration.logLevel());
    SdNotify manager = new SdNotify(System.getenv("NOTIFY_SOCKET"));
    EngineRoot.prepareProcess();
    // Installed before clients can reach the daemon, since a client may tell it to stop.
    CompletableFuture<Daemon> started = new CompletableFuture<>();
    AtomicBoolean isEnding = new AtomicBoolean();
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  isEnding.set(true);
                  end(started, manager);
                },
                "gatun-stop"));
    Daemon daemon = start(configuration, started, isEnding);
    LOG.info(
        "serving version={} pid={} address={} root={} driver={} transport={} start_millis={}",
        version,
        ProcessHandle.current().pid(),
        configuration.address(),
        configuration.root(),
        daemon.driver().configName(),
        daemon.transport().configName(),
        System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime());
    switch (configuration.syncPolicy()) {
      case COMMIT -> {}
      case BACKGROUND ->
          LOG.info(
              "layer_sync=background: indexed layers are synced after their commit is acknowledged; layers that a"
                  + " power cut damages are found at the next start and rebuilt from their blobs"
                  + " containerd_root={}",
              configuration.containerdRoot());
      case NONE ->
          LOG.warn(
              "layer_sync=none: a power cut may leave committed layers with empty files; indexed layers of the last minute"
                  + " are verified at the next start and rebuilt from their blobs containerd_root={}",
              configuration.containerdRoot());
    }
    manager.send(SdNotify.READY);
    if (daemon.hasIndexedLayers()) {
      warnIfOutOfReach(configuration);
    }
    if (configuration.warmUp()) {
      daemon.warmUp();
    }
    awaitEnd();
  }

  private static void warnIfOutOfReach(Configuration configuration) {
    try {
      LayerPropagation.obstacle(configuration, ProcessHandle.current().pid())
          .ifPresent(reason -> LOG.warn("layers out of reach error=\"{}\"", reason));
    } catch (IOException | RuntimeException | LinkageError e) {
      // Not fatal: the kernel reports overlays that fail for this reason.
      LOG.warn("cannot check whether containerd sees indexed layers error=\"{}\"", e.toString());
    }
  }

  private static Daemon start(
      Configuration configuration, CompletableFuture<Daemon> started, AtomicBoolean isEnding) {
    try {
      Daemon daemon = Daemon.start(configuration);
      started.complete(daemon);
      return daemon;
    } catch (RuntimeException | Error e) {
      if (isEnding.get()) {
        // The cause no longer matters: the process is stopping anyway.
        LOG.info("stopped before it served error=\"{}\"", e.toString());
        started.cancel(false);
        awaitEnd();
      }
      throw e;
    } finally {
      // No effect if it started.
      started.cancel(false);
    }
  }

  private static void end(CompletableFuture<Daemon> started, SdNotify manager) {
    boolean isStarting = !started.isDone();
    Daemon daemon;
    try {
      daemon = started.join();
    } catch (CancellationException e) {
      if (isStarting) {
        LOG.info("stopped");
        Runtime.getRuntime().halt(0);
      }
      // The start failed, and the process exits with the status for that.
      return;
    }
    manager.send(SdNotify.STOPPING);
    daemon.close();
    LOG.info("stopped");
    // The JVM would exit with 128 + the signal number, but an orderly stop is a success.
    Runtime.getRuntime().halt(0);
  }

  /** Blocks for ever: the shutdown hook above ends the process. */
  private static void awaitEnd() {
    CountDownLatch never = new CountDownLatch(1);
    while (true) {
      try {
        never.await();
      } catch (InterruptedException e) {
        LOG.debug("unexpected interrupt");
      }
    }
  }
}
