package io.gatun.snapshot.engine;

import java.util.Locale;

/** When the files of a layer have to be on disk. */
public enum LayerSync {
  /** Before its commit is acknowledged. */
  COMMIT,
  /**
   * Whenever the kernel gets around to it: a power cut may leave committed layers with empty files.
   */
  NONE;

  /** {@return the name used in the configuration, such as {@code commit}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
