package io.gatun.server;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.engine.EngineRoot;

/**
 * A root that is served on a socket.
 *
 * <p>Closing it answers what is in flight and then gives the root up. Nothing of that concerns
 * containers that run: their mounts are the kernel's.
 */
public final class Daemon implements AutoCloseable {

  private final EngineRoot engine;
  private final Endpoint endpoint;

  Daemon(EngineRoot engine, Endpoint endpoint) {
    this.engine = engine;
    this.endpoint = endpoint;
  }

  /**
   * Starts a daemon; when this returns, clients are served.
   *
   * @throws StartException if it cannot be started, with one line that says why and what to do
   */
  public static Daemon start(Configuration configuration) {
    return DaemonFactory.open(configuration);
  }

  /** {@return the driver that works on the root} */
  public DriverName driver() {
    return engine.driver();
  }

  /** {@return whether there are indexed layers, or there will be} */
  public boolean hasIndexedLayers() {
    return engine.hasIndexedLayers();
  }

  /** {@return what moves the bytes} */
  public Transport transport() {
    return endpoint.transport();
  }

  /** Does what makes the first image quick, when there are no calls; returns when it is done. */
  public void warmUp() {
    endpoint.warmUp();
  }

  @Override
  public void close() {
    endpoint.close();
    engine.close();
  }
}
