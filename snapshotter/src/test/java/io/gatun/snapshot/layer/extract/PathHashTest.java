package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PathHashTest {

  private static final int CHOICES = 6;

  private static final int PERIOD = 128;
  private static final int PERIODS = 32;

  /** Turns a slash into the other letter, and the reverse. */
  private static final int OTHER = '/' ^ 'o';

  /**
   * In a hash whose bits never depend on higher ones, replacing a Thue-Morse sequence by its
   * inverse changes the result by a multiple of 2^62, whatever the parameters are, so all these
   * paths would have only four hashes.
   */
  @Test
  void pathsThatAreMadeToHaveOneHashHaveNot() {
    Set<Long> hashes = new HashSet<>();
    for (int choices = 0; choices < 1 << CHOICES; choices++) {
      hashes.add(PathHash.of(path(choices)));
    }
    assertThat(hashes).hasSize(1 << CHOICES);
  }

  private static LinuxPath path(int choices) {
    byte[] path = new byte[PERIODS * PERIOD];
    Arrays.fill(path, (byte) 'o');
    for (int period = 0; period < PERIODS; period++) {
      int start = period * PERIOD;
      path[start + PERIOD / 2 - 1] = '/';
      path[start + PERIOD - 1] = '/';
      for (int choice = 0; choice < CHOICES; choice++) {
        if (((Integer.bitCount(period) ^ (choices >>> choice)) & 1) != 0) {
          // Two, so that the parity is the same for all paths.
          path[start + 4 * choice + 2] ^= OTHER;
          path[start + 4 * choice + 4] ^= OTHER;
        }
      }
    }
    return LinuxPath.ofBytes(Arrays.copyOf(path, path.length - 1));
  }
}
