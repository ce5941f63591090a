package io.gatun.snapshot.layer.extract;

import io.gatun.linux.LinuxPath;
import java.security.SecureRandom;

/**
 * A 64-bit hash of a path that can be extended byte by byte, so it also yields the hashes of all
 * parents. It is FNV-1a with secret random parameters, so that no image can fill a table with
 * colliding paths. Random parameters alone do not prevent that: in a product no bit depends on a
 * higher one, so some paths collide whatever the parameters are. Therefore the upper half is mixed
 * into the lower after every byte. A final mix spreads the low bits, which would otherwise fill a
 * table unevenly.
 */
final class PathHash {

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final long BASIS = RANDOM.nextLong();

  /** Odd, so that multiplication is reversible. */
  private static final long FACTOR = RANDOM.nextLong() | 1;

  /** The multiplier of splitmix64. */
  private static final long SPREAD = 0x9e3779b97f4a7c15L;

  private PathHash() {}

  static long begin() {
    return BASIS;
  }

  static long next(long state, byte each) {
    return mixed((state ^ (each & 0xff)) * FACTOR);
  }

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
