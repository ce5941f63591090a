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
 * One snapshot, from the first request for it to the last, as its client sees it. It goes by a key
 * and, once it is committed, by a name, and nobody else uses either. One thread writes.
 */
final class Slot {

  /** After everything that was noted. */
  static final long END = Long.MAX_VALUE - 1;

  private static final long NEVER = Long.MAX_VALUE;

  private final String key;
  private final String name;
  private final State initial;
  private final LongSupplier clock;
  private final List<Entry> entries = new ArrayList<>();

  /**
   * @param initial what is known for certain at the beginning
   * @param clock the instant, which never goes back
   */
  Slot(String key, String name, State initial, LongSupplier clock) {
    this.key = key;
    this.name = name;
    this.initial = initial;
    this.clock = clock;
  }

  /** A request that was sent. */
  final class Entry {
    private final long sent = clock.getAsLong();
    private State after;
    private long acknowledged = NEVER;
    private boolean isRefused;

    private Entry(State after) {
      this.after = after;
    }

    /** Notes that the request has succeeded, and what it came to in all that the answer tells. */
    void acknowledge(State actual) {
      after = actual;
      acknowledged = clock.getAsLong();
    }

    /** Notes that the answer was a refusal, so that nothing was changed. */
    void refuse() {
      isRefused = true;
    }
  }

  /**
   * What may be found of a snapshot.
   *
   * @param certain what the last acknowledged request has made of it
   * @param pending what the request after it, which was not answered, would make of it
   */
  record Claim(State certain, Optional<State> pending) {}

  String key() {
    return key;
  }

  String name() {
    return name;
  }

  /** Notes that a request is about to be sent, and what it is to make of the snapshot. */
  Entry send(State after) {
    Entry entry = new Entry(after);
    entries.add(entry);
    return entry;
  }

  /** Notes more of what is known of the present state, which changes nothing. */
  void note(State known) {
    send(known).acknowledge(known);
  }

  /** {@return the state now, all requests having been answered} */
  State current() {
    return claim(END).certain();
  }

  /** {@return what is to be found if everything stopped at an instant} */
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

  /** {@return the ids that the client was told of the snapshot up to an instant} */
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

  /** {@return the instants at which requests were acknowledged} */
  List<Long> acknowledgements() {
    return entries.stream()
        .map(entry -> entry.acknowledged)
        .filter(acknowledged -> acknowledged != NEVER)
        .toList();
  }

  /**
   * {@return those of them at which it was active, and the daemon had said that its layer is
   * unpacked}
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
