package io.gatun.snapshot.metadata;

import java.util.Arrays;

/** A growable array of longs. */
final class LongList {

  private static final int CAPACITY_MIN = 16;

  private long[] values;
  private int size;

  LongList(long expected) {
    values = new long[Math.clamp(expected, CAPACITY_MIN, Integer.MAX_VALUE / 2)];
  }

  void add(long value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size] = value;
    size++;
  }

  long[] sortedAndDistinct() {
    long[] sorted = Arrays.copyOf(values, size);
    Arrays.sort(sorted);
    int distinct = 0;
    for (long value : sorted) {
      if (distinct == 0 || sorted[distinct - 1] != value) {
        sorted[distinct] = value;
        distinct++;
      }
    }
    return Arrays.copyOf(sorted, distinct);
  }
}
