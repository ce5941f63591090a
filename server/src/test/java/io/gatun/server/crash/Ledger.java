package io.gatun.server.crash;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.LongSupplier;

/**
 * What was sent to a daemon and what it acknowledged, and when. Many clients write in it.
 *
 * <p>An instant is whatever the test counts: where the power is cut it is the position in the log
 * of the disk, so that what was acknowledged at an instant rests on nothing that was written after
 * it.
 */
final class Ledger {

  private final LongSupplier clock;
  private final Set<Long> retired;
  private final Queue<Slot> slots = new ConcurrentLinkedQueue<>();
  private final Set<Long> told = ConcurrentHashMap.newKeySet();

  /**
   * @param clock the instant, which never goes back
   * @param retired ids that clients were told before
   */
  Ledger(LongSupplier clock, Collection<Long> retired) {
    this.clock = clock;
    this.retired = Set.copyOf(retired);
  }

  /** {@return the page for a snapshot that has not been asked for yet} */
  Slot open(String key, String name) {
    return adopt(key, name, new State.Absent());
  }

  /** {@return the page for a snapshot that was found} */
  Slot adopt(String key, String name, State found) {
    Slot slot = new Slot(key, name, found, clock);
    slots.add(slot);
    return slot;
  }

  /** {@return whether an id, which a client was just told, was told to nobody before} */
  boolean isNew(long id) {
    return told.add(id) && !retired.contains(id);
  }

  List<Slot> slots() {
    return List.copyOf(slots);
  }

  /** {@return all ids that were told to somebody up to an instant, or before all this} */
  Set<Long> ids(long instant) {
    Set<Long> ids = new HashSet<>(retired);
    slots.forEach(slot -> ids.addAll(slot.ids(instant)));
    return ids;
  }
}
