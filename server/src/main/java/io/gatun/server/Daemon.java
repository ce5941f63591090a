package io.gatun.server;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import io.gatun.server.content.ContentFiles;
import io.gatun.server.net.EventLoops;
import io.gatun.server.net.SocketFile;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.driver.OverlaySettings;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.time.Clock;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A served root: the engine and the endpoint on its socket.
 *
 * <p>Closing it finishes calls in flight, then closes the root. Running containers are unaffected,
 * since the kernel owns their mounts.
 */
public final class Daemon implements AutoCloseable {

  private final EngineRoot engine;
  private final Endpoint endpoint;

  private Daemon(EngineRoot engine, Endpoint endpoint) {
    this.engine = engine;
    this.endpoint = endpoint;
  }

  /**
   * Starts a daemon; it serves clients when this returns.
   *
   * @throws StartException if it cannot start; the message is one line with the cause and the
   *     remedy
   */
  public static Daemon start(Configuration configuration) {
    return start(configuration, new LinuxDisk(), engineSettings(configuration));
  }

  /**
   * As {@link #start(Configuration)}, with the given disk and engine settings.
   *
   * <p>Everything that can fail runs before the socket appears, including opening the root. Event
   * loops start in parallel, since loading netty takes as long as opening the metadata.
   */
  static Daemon start(Configuration configuration, Disk disk, EngineSettings settings) {
    SocketFile socket = new SocketFile(configuration.address());
    CompletableFuture<EventLoops> loops =
        CompletableFuture.supplyAsync(
            () -> EventLoops.open(configuration.transport()),
            work -> Thread.ofPlatform().name("gatun-start").start(work));
    EngineRoot engine;
    try {
      engine =
          EngineRoot.open(
              disk, settings, Clock.systemUTC(), new ContentFiles(configuration.containerdRoot()));
    } catch (UnusableRootException e) {
      var _ = loops.thenAccept(EventLoops::close);
      throw new StartException(String.valueOf(e.getMessage()), e);
    }
    try {
      return new Daemon(
          engine,
          Endpoint.open(
              configuration,
              engine.snapshotter(),
              engine.unpacker(configuration.applyThreads()),
              engine.builder(),
              engine.converter(),
              socket,
              started(loops)));
    } catch (RuntimeException e) {
      engine.close();
      throw e;
    }
  }

  private static EventLoops started(CompletableFuture<EventLoops> loops) {
    try {
      return loops.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof StartException refusal) {
        throw refusal;
      }
      throw e;
    }
  }

  static EngineSettings engineSettings(Configuration configuration) {
    EngineSettings settings =
        new EngineSettings(
            configuration.root(),
            configuration.driver(),
            new OverlaySettings(
                configuration.mountOptions(),
                configuration.volatileContainers(),
                configuration.remapIds(),
                configuration.rebase(),
                configuration.upperdirLabel()),
            configuration.copyThreads() == 0
                ? Runtime.getRuntime().availableProcessors()
                : configuration.copyThreads(),
            configuration.syncPolicy(),
            MetadataSettings.defaults().withEntriesMax(configuration.metadataEntriesMax()));
    return settings
        .withLayers(configuration.layers())
        .withSelinuxContext(configuration.selinuxContext())
        .withLayerProtection(configuration.layerProtection());
  }

  public DriverName driver() {
    return engine.driver();
  }

  /** {@return whether the root has indexed layers or new layers become indexed} */
  public boolean hasIndexedLayers() {
    return engine.hasIndexedLayers();
  }

  public Transport transport() {
    return endpoint.transport();
  }

  /**
   * Warms up as {@link JitWarmUp} describes, while no calls are in flight; blocks until it is done.
   */
  public void warmUp() {
    endpoint.warmUp();
  }

  @Override
  public void close() {
    endpoint.close();
    engine.close();
  }
}
