package io.gatun.snapshot.layer.index;

import io.gatun.linux.file.Timespec;

/**
 * Finds the time that more than half of the entries of a layer share, if there is one; otherwise
 * returns some time. Uses one pass of the Boyer-Moore majority vote.
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
