package io.gatun.server;

import java.util.Locale;
import java.util.Optional;

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

  /** {@return why this cannot be used on this machine, or nothing if it can} */
  public Optional<String> obstacle() {
    return EventLoops.obstacle(this);
  }
}
