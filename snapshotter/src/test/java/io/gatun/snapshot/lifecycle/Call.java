package io.gatun.snapshot.lifecycle;

/**
 * A request that a client has made while others made theirs.
 *
 * @param begin when it was made, as a number that only grows
 * @param end when its outcome was there
 */
record Call(int client, Operation.Request request, Outcome outcome, long begin, long end) {

  /** {@return whether it was over before the other began} */
  boolean precedes(Call other) {
    return end < other.begin;
  }

  boolean overlaps(Call other) {
    return !precedes(other) && !other.precedes(this);
  }

  @Override
  public String toString() {
    return "client %d from %d to %d: %s -> %s".formatted(client, begin, end, request, outcome);
  }
}
