package io.gatun.snapshot.driver;

import java.util.Locale;

/** The drivers. */
public enum DriverName {
  /** A layer contains its changes; the kernel stacks the layers. */
  OVERLAY,
  /** A layer is a full copy of its parent with its changes applied. */
  NATIVE;

  /** {@return the name used in the configuration, such as {@code overlay}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
