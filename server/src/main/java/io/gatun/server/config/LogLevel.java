package io.gatun.server.config;

import java.util.Locale;

/** The level of the log; each level includes those before it. */
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
