package io.gatun.snapshot.layer.extract;

import io.gatun.linux.LinuxPath;
import java.security.SecureRandom;

/**
 * A hash of 64 bits of a path, which can be continued at every byte, and so knows all that is above
 * a path. It is FNV-1a with numbers that nobody knows, so that no image can have a table of such
 * hashes full of paths with the same one. That takes more than the numbers: in a product no bit
 * depends on a higher one, and then there are paths that have the same hash whatever the numbers
 * are. So the upper half goes into the lower with every byte. And it is spread at the end, since
 * the low bits alone would fill a table unevenly.
 */
final class PathHash {

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final long BASIS = RANDOM.nextLong();

  /** Odd, so that nothing is lost. */
  private static final long FACTOR = RANDOM.nextLong() | 1;

  /** The multiplier of splitmix64. */
  private static final long SPREAD = 0x9e3779b97f4a7c15L;

  private PathHash() {}

  /** {@return the state before the first byte} */
  static long begin() {
    return BASIS;
  }

  /** {@return the state after another byte} */
  static long next(long state, byte each) {
    return mixed((state ^ (each & 0xff)) * FACTOR);
  }

  /** {@return the hash of all bytes so far} */
  static long end(long state) {
    return mixed(mixed(state) * SPREAD);
  }

  private static long mixed(long number) {
    return number ^ (number >>> Integer.SIZE);
  }

  static long of(LinuxPath path) {
    return end(next(BASIS, path));
  }

  static long of(LinuxPath directory, LinuxPath name) {
    long state = directory.isEmpty() ? BASIS : next(next(BASIS, directory), (byte) '/');
    return end(next(state, name));
  }

  private static long next(long state, LinuxPath path) {
    long after = state;
    for (byte each : path.bytes()) {
      after = next(after, each);
    }
    return after;
  }
}
