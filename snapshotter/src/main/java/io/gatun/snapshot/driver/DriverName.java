package io.gatun.snapshot.driver;

import java.util.Locale;

/** The drivers there are. */
public enum DriverName {
  /** A layer is what it changes; the kernel stacks them. */
  OVERLAY,
  /** A layer is a full copy of its parent, with its changes. */
  NATIVE;

  /** {@return the name used in the configuration, such as {@code overlay}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
