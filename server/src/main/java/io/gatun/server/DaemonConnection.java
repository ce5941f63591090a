package io.gatun.server;

import io.gatun.server.config.Transport;
import io.gatun.server.net.EventLoops;
import io.grpc.ManagedChannel;
import java.nio.file.Path;

/** A client's connection to a daemon, opened on first use. */
public final class DaemonConnection implements AutoCloseable {

  private final EventLoops loops = EventLoops.open(Transport.NIO);
  private final ManagedChannel channel;

  /**
   * @param address the daemon's socket
   */
  public DaemonConnection(Path address) {
    this.channel = loops.channel(address);
  }

  public ManagedChannel channel() {
    return channel;
  }

  @Override
  public void close() {
    channel.shutdownNow();
    loops.close();
  }
}
