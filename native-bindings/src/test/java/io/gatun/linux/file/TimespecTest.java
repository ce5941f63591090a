package io.gatun.linux.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class TimespecTest {

  @Test
  void instantsAreKeptToTheNanosecond() {
    for (Instant instant :
        new Instant[] {
          Instant.EPOCH, Instant.parse("1901-12-13T20:45:51.000000001Z"), Instant.MAX, Instant.MIN
        }) {
      assertThat(Timespec.of(instant).toInstant()).isEqualTo(instant);
    }
  }

  @Test
  void nanosecondsOutOfRangeAreRefused() {
    for (int nanos : new int[] {-1, 1_000_000_000, 0x3fff_fffe, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> new Timespec(0, nanos))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(Integer.toString(nanos));
    }
  }
}
