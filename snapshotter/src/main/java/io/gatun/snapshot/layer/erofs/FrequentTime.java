package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.Timespec;

/**
 * The time that most entries of a layer have, if more than half of them have one; else some time.
 * In one pass, by the vote of Boyer and Moore.
 */
final class FrequentTime {

  private Timespec candidate = new Timespec(0, 0);
  private long votes;

  void add(Timespec time) {
    if (votes == 0) {
      candidate = time;
    }
    votes += time.equals(candidate) ? 1 : -1;
  }

  Timespec mostFrequent() {
    return candidate;
  }
}
