package io.gatun.snapshot.durability;

import java.time.Duration;
import java.util.Locale;

/** When the files of a layer have to be on disk. */
public enum SyncPolicy {
  /** Before its commit is acknowledged. */
  COMMIT,
  /**
   * Right after its commit is acknowledged, for layers that are kept as tars: what a power cut
   * leaves of them is verified, and made anew if need be. Of others nobody could tell what a power
   * cut has left, so they are as with {@link #COMMIT}.
   */
  BACKGROUND,
  /**
   * Whenever the kernel gets around to it: a power cut may leave committed layers with empty files,
   * but for those that are kept as tars, of which it is found out as with {@link #BACKGROUND}.
   */
  NONE;

  /**
   * By then the kernel has written what was written (proc(5), dirty_expire_centisecs and
   * dirty_writeback_centisecs: 35 s), and a sync has nothing left to do.
   */
  private static final Duration WRITEBACK = Duration.ofMinutes(1);

  /** {@return when a layer whose commit did not wait for it is seen to be on the disk} */
  public Duration delay() {
    return this == NONE ? WRITEBACK : Duration.ZERO;
  }

  /** {@return the name used in the configuration, such as {@code commit}} */
  public String configName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
