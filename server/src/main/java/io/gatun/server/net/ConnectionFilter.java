package io.gatun.server.net;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs before the server's own handlers on the listening channel. Closes connections of peers that
 * are not allowed, and connections beyond the limit, before reading a byte.
 *
 * <p>The socket's mode already admits only root. The check of peers also holds if the mode was
 * changed or a peer inherited an open directory.
 */
public final class ConnectionFilter extends ChannelInboundHandlerAdapter {

  private static final Logger LOG = LoggerFactory.getLogger(ConnectionFilter.class);

  /** A refused peer retries many times. */
  private static final long NANOS_BETWEEN_WARNINGS = TimeUnit.SECONDS.toNanos(5);

  private final Set<Long> allowedUids;
  private final Set<Long> allowedGids;
  private final int connectionsMax;
  private final AtomicInteger connections = new AtomicInteger();

  // Only the event loop of the listening channel uses these.
  private long warnedNanos;
  private long refusedSinceWarning;

  /**
   * @param allowedUids the users that may connect, besides root
   * @param allowedGids the groups whose members may connect
   */
  public ConnectionFilter(Set<Long> allowedUids, Set<Long> allowedGids, int connectionsMax) {
    this.allowedUids = allowedUids;
    this.allowedGids = allowedGids;
    this.connectionsMax = connectionsMax;
    this.warnedNanos = System.nanoTime() - NANOS_BETWEEN_WARNINGS;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    Channel connection = (Channel) message;
    if (!isAllowed(connection)) {
      return;
    }
    if (connections.incrementAndGet() > connectionsMax) {
      connections.decrementAndGet();
      refuse(connection, "max_connections=" + connectionsMax + " are open");
      return;
    }
    connection.closeFuture().addListener(closed -> connections.decrementAndGet());
    context.fireChannelRead(connection);
  }

  private boolean isAllowed(Channel connection) {
    try {
      Peer peer = Peer.of(connection);
      if (peer.isAmong(allowedUids, allowedGids)) {
        return true;
      }
      refuse(connection, peer + " is neither root nor in allowed_uids or allowed_gids");
    } catch (IOException e) {
      refuse(connection, "its peer is unknown: " + e.getMessage());
    }
    return false;
  }

  private void refuse(Channel connection, String reason) {
    refusedSinceWarning++;
    long now = System.nanoTime();
    if (now - warnedNanos >= NANOS_BETWEEN_WARNINGS) {
      LOG.warn("connection refused error=\"{}\" count={}", reason, refusedSinceWarning);
      warnedNanos = now;
      refusedSinceWarning = 0;
    }
    connection.unsafe().closeForcibly();
  }
}
