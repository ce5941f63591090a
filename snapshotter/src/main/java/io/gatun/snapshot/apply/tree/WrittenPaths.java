package io.gatun.snapshot.apply.tree;

import io.gatun.linux.LinuxPath;

/**
 * The paths that a layer has written, by their hashes alone, since there may be millions: 16 to 32
 * bytes each. That two paths of a layer and its parent have one hash of 64 bits is unlikely if it
 * happens and if it is made to happen keeps a file that the maker of the image could as well have
 * kept openly.
 */
final class WrittenPaths {

  private static final int INITIAL_SLOTS = 1 << 10;

  /** FNV-1a, which can be continued at every byte, and so knows all prefixes of a path. */
  private static final long FNV_BASIS = 0xcbf29ce484222325L;

  private static final long FNV_PRIME = 0x100000001b3L;

  /** The multiplier of splitmix64: FNV's low bits alone would fill the table unevenly. */
  private static final long SPREAD = 0x9e3779b97f4a7c15L;

  private static final long FREE = 0;

  private long[] slots = new long[INITIAL_SLOTS];
  private int used;

  void add(LinuxPath directory, LinuxPath name) {
    add(hash(directory, name));
  }

  /** Adds a path and every directory on the way to it. */
  void addWithAllAbove(LinuxPath path) {
    long hash = FNV_BASIS;
    for (byte each : path.bytes()) {
      if (each == '/') {
        add(hash);
      }
      hash = next(hash, each);
    }
    add(hash);
  }

  boolean contains(LinuxPath directory, LinuxPath name) {
    long key = key(hash(directory, name));
    return slots[slot(slots, key)] == key;
  }

  private void add(long hash) {
    long key = key(hash);
    int slot = slot(slots, key);
    if (slots[slot] == FREE) {
      slots[slot] = key;
      used++;
      if (used > slots.length / 2) {
        grow();
      }
    }
  }

  private void grow() {
    long[] larger = new long[Math.multiplyExact(slots.length, 2)];
    for (long key : slots) {
      if (key != FREE) {
        larger[slot(larger, key)] = key;
      }
    }
    slots = larger;
  }

  /** {@return where a key is, or where it would be} */
  private static int slot(long[] slots, long key) {
    int mask = slots.length - 1;
    int at = (int) ((key * SPREAD) >>> Integer.SIZE) & mask;
    while (slots[at] != FREE && slots[at] != key) {
      at = (at + 1) & mask;
    }
    return at;
  }

  private static long key(long hash) {
    return hash == FREE ? FNV_PRIME : hash;
  }

  private static long hash(LinuxPath directory, LinuxPath name) {
    long hash = FNV_BASIS;
    if (!directory.isEmpty()) {
      for (byte each : directory.bytes()) {
        hash = next(hash, each);
      }
      hash = next(hash, (byte) '/');
    }
    for (byte each : name.bytes()) {
      hash = next(hash, each);
    }
    return hash;
  }

  private static long next(long hash, byte each) {
    return (hash ^ (each & 0xff)) * FNV_PRIME;
  }
}
