package io.gatun.server;

import io.gatun.linux.Fd;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

/**
 * A daemon process assembled like the shipped one, except that its journals are as small as
 * possible, and that it omits syncs on request.
 */
final class AlteredDaemon {

  private static final int JOURNAL_BYTES = 64 << 10;

  private AlteredDaemon() {}

  /** The durable effects that are disabled. */
  private enum Omission {
    SMALL_JOURNALS,
    UNSYNCED_JOURNAL,
    UNSYNCED_DIRECTORIES;

    private boolean covers(String effect, Object[] arguments) {
      return switch (this) {
        case SMALL_JOURNALS -> false;
        case UNSYNCED_JOURNAL -> effect.equals("syncData");
        case UNSYNCED_DIRECTORIES ->
            effect.equals("sync")
                && arguments[0] instanceof Fd directory
                && directory.path().toString().endsWith("/snapshots");
      };
    }

    /**
     * Directories created in advance reach the disk by themselves, mostly before they are needed.
     */
    int spareDirectories(EngineSettings settings) {
      return this == UNSYNCED_DIRECTORIES ? 0 : settings.spareDirectories();
    }

    Disk disk() {
      Disk disk = new LinuxDisk();
      return (Disk)
          Proxy.newProxyInstance(
              Disk.class.getClassLoader(),
              new Class<?>[] {Disk.class},
              (self, method, arguments) -> {
                if (covers(method.getName(), arguments)) {
                  return null;
                }
                try {
                  return method.invoke(disk, arguments);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              });
    }
  }

  /** Arguments: the omission, and the configuration file. Runs until a signal ends it. */
  public static void main(String[] arguments) throws InterruptedException {
    Omission omission = Omission.valueOf(arguments[0]);
    Configuration configuration = ConfigurationFile.read(Path.of(arguments[1]));
    EngineSettings settings = Daemon.engineSettings(configuration);
    CompletableFuture<Daemon> started = new CompletableFuture<>();
    // Installed before clients can reach the daemon and stop it.
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    started.join().close();
                    Runtime.getRuntime().halt(0);
                  } catch (CancellationException e) {
                    // The start failed, which ends the process.
                  }
                }));
    try {
      started.complete(
          Daemon.start(
              configuration,
              omission.disk(),
              new EngineSettings(
                      settings.root(),
                      settings.driver(),
                      settings.overlay(),
                      settings.copyThreads(),
                      settings.syncPolicy(),
                      new MetadataSettings(settings.metadata().entriesMax(), JOURNAL_BYTES))
                  .withDirectoryPool(omission.spareDirectories(settings))
                  .withLayers(settings.layers())));
    } finally {
      // No effect if it started.
      started.cancel(false);
    }
    new CountDownLatch(1).await();
  }
}
