package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class DeletionThrottleTest {

  private static final int FILES = 10_000;

  private boolean areUnpacking;
  private boolean isDiskLow;
  private long now;

  private final DeletionThrottle throttle =
      new DeletionThrottle(() -> areUnpacking, () -> isDiskLow, () -> now);

  /** {@return how many milliseconds the throttle takes for some files} */
  private long millis() {
    // Spends the saved time, and makes the throttle choose its rate again.
    for (int i = 0; i < 2_000; i++) {
      now += Math.max(0, throttle.take());
    }
    long start = now;
    for (int i = 0; i < FILES; i++) {
      now += Math.max(0, throttle.take());
    }
    return TimeUnit.NANOSECONDS.toMillis(now - start);
  }

  @Test
  void filesAreDeletedAtOnePaceAloneAndAtAnotherBesideUnpacks() {
    assertThat(millis()).isEqualTo(100);
    areUnpacking = true;
    assertThat(millis()).isEqualTo(2_000);
    areUnpacking = false;
    assertThat(millis()).isEqualTo(100);
  }

  @Test
  void unpacksAreNotWaitedForWhereRoomIsShort() {
    areUnpacking = true;
    isDiskLow = true;
    assertThat(millis()).isEqualTo(100);
  }

  @Test
  void timeThatWasNotUsedCountsForALittleOnly() {
    now += TimeUnit.HOURS.toNanos(1);
    int free = 0;
    while (throttle.take() <= 0) {
      free++;
    }
    assertThat(free).isEqualTo(1_000);
  }

  @Test
  void nothingIsDeletedAfterTheEnd() {
    throttle.await();
    throttle.close();
    assertThatThrownBy(throttle::await).isInstanceOf(CancellationException.class);
  }
}
