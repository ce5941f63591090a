package io.gatun.snapshot.durability;

import java.time.Duration;

/** When the files of a layer must be on disk. */
public enum SyncPolicy {
  /** Before its commit is acknowledged. */
  COMMIT,
  /**
   * Right after the commit is acknowledged, for indexed layers: after a power failure they are
   * verified and repaired if necessary. Directory layers cannot be verified and are treated like
   * {@link #COMMIT}.
   */
  BACKGROUND,
  /**
   * At the kernel's discretion: a power failure may leave committed directory layers with empty
   * files. Indexed layers are verified as with {@link #BACKGROUND}.
   */
  NONE;

  /**
   * After this time the kernel has written back all dirty data (proc(5), dirty_expire_centisecs and
   * dirty_writeback_centisecs: 35 s), and a sync is cheap.
   */
  private static final Duration WRITEBACK = Duration.ofMinutes(1);

  /** {@return the delay after a commit before its layer is synced in the background} */
  public Duration delay() {
    return this == NONE ? WRITEBACK : Duration.ZERO;
  }
}
