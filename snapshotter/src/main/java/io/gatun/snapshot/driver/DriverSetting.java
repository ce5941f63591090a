package io.gatun.snapshot.driver;

import java.util.Locale;

/** The configured driver. */
public enum DriverSetting {
  /** Overlay where it works, otherwise native. */
  AUTO,
  OVERLAY,
  NATIVE;

  /** {@return the name used in the configuration, such as {@code auto}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
