package io.gatun.snapshot.fault;

import io.gatun.linux.LinuxPath;
import java.util.regex.Pattern;

/** Which effects bring the files of layers to the disk, together with all else or by themselves. */
public final class LayerSyncs {

  private static final Pattern ONE =
      Pattern.compile(
          Effect.SYNC_FILESYSTEM
              + "|(%s|%s) of \\S*/snapshots/[0-9]+/fs(/|$)"
                  .formatted(Effect.SYNC, Effect.START_WRITEBACK));

  private LayerSyncs() {}

  /** {@return whether an effect is one} */
  public static boolean isOne(Effect effect, LinuxPath path) {
    return isOne("%s of %s".formatted(effect, path));
  }

  /**
   * {@return whether a fault came in place of one}
   *
   * @param fired what {@link FaultyDisk#fired} says
   */
  public static boolean isOne(String fired) {
    return ONE.matcher(fired).find();
  }
}
