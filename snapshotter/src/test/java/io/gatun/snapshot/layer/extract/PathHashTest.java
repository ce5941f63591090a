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

  /** What makes a slash of the other letter, and the other way round. */
  private static final int OTHER = '/' ^ 'o';

  /**
   * Of a hash in which no bit depends on a higher one, whatever its numbers are: the sequence of
   * Thue and Morse, in the place of itself or of its reverse, makes a difference of a multiple of
   * two to the power of 62, so that all these paths would have no more than four hashes.
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
          // Two, so that whether there was an odd number is the same for all paths.
          path[start + 4 * choice + 2] ^= OTHER;
          path[start + 4 * choice + 4] ^= OTHER;
        }
      }
    }
    return LinuxPath.ofBytes(Arrays.copyOf(path, path.length - 1));
  }
}
