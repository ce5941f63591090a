package io.gatun.server.crash;

import io.gatun.snapshot.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot, from the first request for it to the last, as its client sees it. It has a key and,
 * once committed, a name, both used by one client only. One thread writes.
 */
final class Slot {

  /** After all requests. */
  static final long END = Long.MAX_VALUE - 1;

  private static final long NEVER = Long.MAX_VALUE;

  private final String key;
  private final String name;
  private final State initial;
  private final LongSupplier clock;
  private final List<Entry> entries = new ArrayList<>();

  /**
   * @param initial the certain state at the beginning
   * @param clock the instant, which never goes back
   */
  Slot(String key, String name, State initial, LongSupplier clock) {
    this.key = key;
    this.name = name;
    this.initial = initial;
    this.clock = clock;
  }

  /** A sent request. */
  final class Entry {
    private final long sent = clock.getAsLong();
    private State after;
    private long acknowledged = NEVER;
    private boolean isRefused;

    private Entry(State after) {
      this.after = after;
    }

    /** Records success, with all details in the answer. */
    void acknowledge(State actual) {
      after = actual;
      acknowledged = clock.getAsLong();
    }

    /** Records a refusal, which changed nothing. */
    void refuse() {
      isRefused = true;
    }
  }

  /**
   * The possible states of a snapshot.
   *
   * @param certain the result of the last acknowledged request
   * @param pending the result of the unanswered request after it
   */
  record Claim(State certain, Optional<State> pending) {}

  String key() {
    return key;
  }

  String name() {
    return name;
  }

  /** Records a request that is about to be sent, and its intended result. */
  Entry send(State after) {
    Entry entry = new Entry(after);
    entries.add(entry);
    return entry;
  }

  /** Adds knowledge about the present state, without a change. */
  void note(State known) {
    send(known).acknowledge(known);
  }

  /** {@return the current state, if all requests were answered} */
  State current() {
    return claim(END).certain();
  }

  /** {@return the possible states if everything stopped at an instant} */
  Claim claim(long instant) {
    State certain = initial;
    @Nullable State pending = null;
    for (Entry entry : entries) {
      if (entry.isRefused) {
        continue;
      }
      if (entry.sent >= instant || pending != null) {
        break;
      }
      if (entry.acknowledged <= instant) {
        certain = entry.after;
      } else {
        pending = entry.after;
      }
    }
    return new Claim(certain, Optional.ofNullable(pending));
  }

  /** {@return the ids of the snapshot that the client saw up to an instant} */
  Set<Long> ids(long instant) {
    Set<Long> ids = new HashSet<>();
    addId(initial, ids);
    for (Entry entry : entries) {
      if (entry.acknowledged <= instant) {
        addId(entry.after, ids);
      }
    }
    return ids;
  }

  private static void addId(State state, Set<Long> ids) {
    switch (state) {
      case State.Present present when present.id() != State.Present.UNKNOWN_ID ->
          ids.add(present.id());
      case State.Present present -> {}
      case State.Absent absent -> {}
    }
  }

  /** {@return the instants of acknowledgements} */
  List<Long> acknowledgements() {
    return entries.stream()
        .map(entry -> entry.acknowledged)
        .filter(acknowledged -> acknowledged != NEVER)
        .toList();
  }

  /**
   * {@return the instants of acknowledgements at which the snapshot was active and its layer
   * acknowledged as unpacked}
   */
  List<Long> unpackedInstants() {
    return acknowledgements().stream().filter(instant -> isUnpacked(claim(instant))).toList();
  }

  private static boolean isUnpacked(Claim nameLock) {
    return nameLock.pending().isEmpty()
        && nameLock.certain() instanceof State.Present present
        && present.kind() == Kind.ACTIVE
        && present.layer().isPresent()
        && present.files().isPresent();
  }

  @Override
  public String toString() {
    return "%s (%s)".formatted(key, name);
  }
}
