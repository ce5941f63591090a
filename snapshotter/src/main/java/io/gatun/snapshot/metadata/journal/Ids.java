package io.gatun.snapshot.metadata.journal;

import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Gives out ids, each once. Blocks of ids are reserved in the journal before the first of a block
 * is given out, which keeps them unique across crashes; the rest of a block is then skipped.
 *
 * <p>Ids only grow, which also lets an id tell which snapshots existed when a sync failed.
 */
public final class Ids {

  public static final long FIRST = 1;

  private static final long BLOCK = 1_024;

  private final AtomicLong next;
  private volatile long end;
  private volatile long trustedFrom;

  /**
   * @param next the first id never given out
   * @param trustedFrom the first id given out after the last failed sync, or {@link #FIRST}
   */
  public Ids(long next, long trustedFrom) {
    this.next = new AtomicLong(next);
    this.end = next;
    this.trustedFrom = trustedFrom;
  }

  /** {@return an id, if a reserved one is left} */
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

  /** {@return the limit that the next batch should reserve, if few ids are left} */
  public OptionalLong wanted() {
    long left = end - next.get();
    return left < BLOCK / 2 ? OptionalLong.of(end + BLOCK) : OptionalLong.empty();
  }

  /** Adds durably reserved ids. */
  public void reserved(long newEnd) {
    end = Math.max(end, newEnd);
  }

  /** {@return the first id not given out} */
  public long next() {
    return next.get();
  }

  /** {@return the first id given out after the last failed sync} */
  public long trustedFrom() {
    return trustedFrom;
  }

  /** Notes a failed sync that has been recorded durably. */
  public void distrusted(long idLimit) {
    trustedFrom = Math.max(trustedFrom, idLimit);
  }

  /** {@return the first id not reserved} */
  public long end() {
    return end;
  }
}
