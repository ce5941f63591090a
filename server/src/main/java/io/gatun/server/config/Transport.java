package io.gatun.server.config;

import java.util.Locale;

/** The transport between the socket and netty. */
public enum Transport {
  /** The first of the other transports, in their order, that works on this machine. */
  AUTO,
  IO_URING,
  EPOLL,
  NIO;

  /** {@return the name used in the configuration, such as {@code io_uring}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
