package io.gatun.snapshot.engine;

import java.util.Locale;

/** When the files of a layer have to be on disk. */
public enum LayerSync {
  /** Before its commit is acknowledged. */
  COMMIT,
  /**
   * Right after its commit is acknowledged, for layers that are kept as tars: what a power cut
   * leaves of them is verified, and made anew if need be. Of others nobody could tell what a power
   * cut has left, so they are as with {@link #COMMIT}.
   */
  BACKGROUND,
  /**
   * Whenever the kernel gets around to it: a power cut may leave committed layers with empty files.
   */
  NONE;

  /** {@return the name used in the configuration, such as {@code commit}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
