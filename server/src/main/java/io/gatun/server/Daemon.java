package io.gatun.server;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.server.config.Transport;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.engine.EngineRoot;

/**
 * A served root: the engine and the endpoint on its socket.
 *
 * <p>Closing it finishes calls in flight, then closes the root. Running containers are unaffected,
 * since the kernel owns their mounts.
 */
public final class Daemon implements AutoCloseable {

  private final EngineRoot engine;
  private final Endpoint endpoint;

  Daemon(EngineRoot engine, Endpoint endpoint) {
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
    return DaemonFactory.open(configuration);
  }

  /** {@return the driver that works on the root} */
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
