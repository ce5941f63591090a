package io.gatun.snapshot.root;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;

/** Tells failures for lack of something that comes back from failures of the storage. */
public final class Shortage {

  private Shortage() {}

  /** {@return whether a call failed for lack of room, descriptors or memory} */
  public static boolean isReason(Errno errno) {
    return switch (errno) {
      case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM -> true;
      default -> false;
    };
  }

  /** As {@link #isReason(Errno)}. */
  public static boolean isReason(ErrnoException failure) {
    return isReason(failure.errno());
  }

  /** {@return whether the filesystem, or the quota on it, had no room} */
  public static boolean isRoom(ErrnoException failure) {
    return failure.is(Errno.ENOSPC) || failure.is(Errno.EDQUOT);
  }
}
