package io.gatun.server.config;

import java.util.Locale;

/** What moves bytes between the socket and netty. */
public enum Transport {
  /** The best that this machine allows, in the order of the others. */
  AUTO,
  IO_URING,
  EPOLL,
  NIO;

  /** {@return the name used in the configuration, such as {@code io_uring}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
