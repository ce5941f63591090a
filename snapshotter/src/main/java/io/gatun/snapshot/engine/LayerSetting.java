package io.gatun.snapshot.engine;

import java.util.Locale;

/** In which form an operator wants the layers that are applied from now on. */
public enum LayerSetting {
  /** As tars under indexes where that works, otherwise as directories. */
  AUTO,
  /** As tars under indexes. */
  INDEXED,
  /** As directories. */
  DIRECTORY;

  /** {@return the name used in the configuration, such as {@code auto}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
