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
 * The requests to a daemon, its acknowledgements, and their instants. Many clients write to it.
 *
 * <p>The test defines the instant: for power cuts it is the position in the disk's log, so that an
 * acknowledgement at an instant depends on nothing that was written later.
 */
final class Ledger {

  private final LongSupplier clock;
  private final Set<Long> retired;
  private final Queue<Slot> slots = new ConcurrentLinkedQueue<>();
  private final Set<Long> told = ConcurrentHashMap.newKeySet();

  /**
   * @param clock the instant, which never goes back
   * @param retired ids that clients saw before
   */
  Ledger(LongSupplier clock, Collection<Long> retired) {
    this.clock = clock;
    this.retired = Set.copyOf(retired);
  }

  /** {@return the page for a snapshot without requests so far} */
  Slot open(String key, String name) {
    return adopt(key, name, new State.Absent());
  }

  /** {@return the page for a snapshot that was found} */
  Slot adopt(String key, String name, State found) {
    Slot slot = new Slot(key, name, found, clock);
    slots.add(slot);
    return slot;
  }

  /** {@return whether a client sees this id for the first time} */
  boolean isNew(long id) {
    return told.add(id) && !retired.contains(id);
  }

  List<Slot> slots() {
    return List.copyOf(slots);
  }

  /** {@return all ids that a client saw up to an instant} */
  Set<Long> ids(long instant) {
    Set<Long> ids = new HashSet<>(retired);
    slots.forEach(slot -> ids.addAll(slot.ids(instant)));
    return ids;
  }
}
