package io.gatun.snapshot.engine;

/** When the files of a layer have to be on disk. */
public enum LayerSync {
  /** Before its commit is acknowledged. */
  COMMIT,
  /**
   * Whenever the kernel gets around to it: a power cut may leave committed layers with empty files.
   */
  NONE
}
