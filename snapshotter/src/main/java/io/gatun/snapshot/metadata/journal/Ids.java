package io.gatun.snapshot.metadata.journal;

import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Ids that are given out once. They are reserved in the journal in blocks, before the first of a
 * block is given out, so that none is given twice whenever the machine stops; what is left of a
 * block then is lost.
 *
 * <p>Ids only ever grow, so one of them also tells which snapshots were there when a sync failed.
 */
public final class Ids {

  public static final long FIRST = 1;

  private static final long BLOCK = 1_024;

  private final AtomicLong next;
  private volatile long end;
  private volatile long trustedFrom;

  /**
   * @param next the first that was never given out
   * @param trustedFrom the first that was given out after the last sync that failed, or {@link
   *     #FIRST}
   */
  public Ids(long next, long trustedFrom) {
    this.next = new AtomicLong(next);
    this.end = next;
    this.trustedFrom = trustedFrom;
  }

  /** {@return an id, if any that is reserved is left} */
  public OptionalLong take() {
    while (true) {
      long id = next.get();
      if (id >= end) {
        return OptionalLong.empty();
      }
      if (next.compareAndSet(id, id + 1)) {
        return OptionalLong.of(id);
      }
    }
  }

  /** {@return how far the next batch should reserve, if it is time to} */
  public OptionalLong wanted() {
    long left = end - next.get();
    return left < BLOCK / 2 ? OptionalLong.of(end + BLOCK) : OptionalLong.empty();
  }

  /** Gives out more from now on; they are reserved durably. */
  public void reserved(long newEnd) {
    end = Math.max(end, newEnd);
  }

  /** {@return the first id that was not given out} */
  public long next() {
    return next.get();
  }

  /** {@return the first id that was given out after the last sync that failed} */
  public long trustedFrom() {
    return trustedFrom;
  }

  /** Takes note that a sync failed, which is recorded durably. */
  public void distrusted(long idLimit) {
    trustedFrom = Math.max(trustedFrom, idLimit);
  }

  /** {@return the first id that is not reserved} */
  public long end() {
    return end;
  }
}
