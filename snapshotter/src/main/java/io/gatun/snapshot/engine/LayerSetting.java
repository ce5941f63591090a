package io.gatun.snapshot.engine;

import java.util.Locale;

/** The form of new layers, as configured. */
public enum LayerSetting {
  /** Indexed where that works, otherwise directories. */
  AUTO,
  /** Indexed: tars with an index each. */
  INDEXED,
  /** Directories. */
  DIRECTORY;

  /** {@return the name used in the configuration, such as {@code auto}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
