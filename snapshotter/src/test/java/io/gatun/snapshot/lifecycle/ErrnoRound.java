package io.gatun.snapshot.lifecycle;

import io.gatun.linux.Errno;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * One pass over all effects, in which the n-th effect fails with the n-th errno of a cycle.
 *
 * <p>As many rounds as there are errnos let each effect fail with each of them; that is the long
 * form. The short form has one round, which begins at another errno in every run, at the one that
 * {@code -Dgatun.crash.seed} names.
 */
record ErrnoRound(int first) {

  private static final List<Errno> ERRNOS =
      List.of(
          Errno.EIO,
          Errno.ENOSPC,
          Errno.EMFILE,
          Errno.EROFS,
          Errno.EDQUOT,
          Errno.EINTR,
          Errno.ENOMEM);

  private static final int SHORT_ROUNDS = 1;

  static Stream<ErrnoRound> rounds() {
    boolean isLong = System.getProperty("gatun.crash.form", "").equals("long");
    int seed = Math.floorMod(Long.getLong("gatun.crash.seed", System.nanoTime()), ERRNOS.size());
    return IntStream.range(0, isLong ? ERRNOS.size() : SHORT_ROUNDS)
        .mapToObj(round -> new ErrnoRound((seed + round) % ERRNOS.size()));
  }

  Errno errno(int effect) {
    return ERRNOS.get((first + effect) % ERRNOS.size());
  }

  @Override
  public String toString() {
    return "errnos from " + ERRNOS.get(first) + " on";
  }
}
