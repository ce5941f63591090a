package io.gatun.server.config;

import java.util.Locale;

/** How much is logged; each level includes those before it. */
public enum LogLevel {
  ERROR,
  WARN,
  INFO,
  DEBUG,
  TRACE;

  /** {@return the name used in the configuration, such as {@code info}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
