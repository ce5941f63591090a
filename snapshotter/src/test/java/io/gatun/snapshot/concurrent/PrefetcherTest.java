package io.gatun.snapshot.concurrent;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The states of a prefetched value. */
@Timeout(60)
class PrefetcherTest {

  private static final Duration LONG = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofMillis(20);

  private final List<String> released = new CopyOnWriteArrayList<>();
  private final Semaphore gate = new Semaphore(0);
  private Prefetcher<String, String> prefetcher = prefetcher(Prefetcher.Precedence.FIRST, LONG);

  @AfterEach
  void close() {
    gate.release(100);
    prefetcher.close();
  }

  private static Prefetcher<String, String> prefetcher(
      Prefetcher.Precedence precedence, Duration expected) {
    return new Prefetcher<>("gatun-test-ahead", precedence, () -> false, expected);
  }

  private Prefetcher.Work<String, String> work(String name, Optional<String> value) {
    return new Prefetcher.Work<>() {
      @Override
      public Optional<String> make(Predicate<String> isWanted) {
        gate.acquireUninterruptibly();
        return value;
      }

      @Override
      public void cancel() {
        gate.release();
      }

      @Override
      public void release(Optional<String> made) {
        released.add(name + " " + made.orElse("nothing"));
      }
    };
  }

  private void begin(String key) {
    prefetcher.begin(key, () -> work(key, Optional.of("value")));
  }

  private Optional<String> take(String key) {
    try (Prefetcher<String, String>.Claim claim = prefetcher.claim(key)) {
      return claim.value();
    }
  }

  private void awaitReleased(String... names) throws InterruptedException {
    while (released.size() < names.length) {
      Thread.sleep(1);
    }
    assertThat(released).containsExactly(names);
  }

  @Test
  void theValueStaysUntilItsLastClaimIsClosedAndCannotBeClaimedThen() throws Exception {
    gate.release();
    begin("key");
    try (Prefetcher<String, String>.Claim first = prefetcher.claim("key")) {
      assertThat(take("key")).contains("value");
      assertThat(first.value()).contains("value");
      assertThat(released).isEmpty();
    }
    assertThat(take("key")).isEmpty();
    awaitReleased("key value");
  }

  @Test
  void aClaimThatIsGivenUpLeavesTheValueToTheNext() {
    begin("key");
    try (Prefetcher<String, String>.Claim givenUp =
        prefetcher.claim("key", Optional.empty(), () -> true)) {
      assertThat(givenUp.value()).isEmpty();
    }
    gate.release();
    assertThat(take("key")).contains("value");
  }

  @Test
  void aCallerThatWaitsLooksWhetherItHasGivenUpWhenItIsWoken() throws Exception {
    begin("key");
    AtomicBoolean isGivenUp = new AtomicBoolean();
    Thread caller =
        Thread.ofPlatform()
            .start(() -> prefetcher.claim("key", Optional.empty(), isGivenUp::get).close());
    isGivenUp.set(true);
    while (caller.isAlive()) {
      prefetcher.wake();
      Thread.sleep(1);
    }
    assertThat(released).isEmpty();
  }

  @Test
  void workThatMakesNothingIsReleasedToo() throws Exception {
    gate.release();
    prefetcher.begin("key", () -> work("key", Optional.empty()));
    assertThat(take("key")).isEmpty();
    awaitReleased("key nothing");
  }

  @Test
  void workThatFailsIsReleasedAndItsCallerFindsNothing() throws Exception {
    Prefetcher.Work<String, String> failing =
        new Prefetcher.Work<>() {
          @Override
          public Optional<String> make(Predicate<String> isWanted) {
            gate.acquireUninterruptibly();
            throw new IllegalStateException("as planned");
          }

          @Override
          public void cancel() {}

          @Override
          public void release(Optional<String> made) {
            released.add("failed");
          }
        };
    prefetcher.begin("key", () -> failing);
    gate.release();
    assertThat(take("key")).isEmpty();
    awaitReleased("failed");
  }

  @Test
  void nothingIsBegunForAKeyThatIsAskedFor() {
    try (Prefetcher<String, String>.Claim _ = prefetcher.claim("key")) {
      begin("key");
      assertThat(take("key")).isEmpty();
    }
  }

  @Test
  void anUnclaimedValueKeepsOthersFromBeingBegunIfTheFirstOneStays() {
    gate.release(2);
    begin("first");
    begin("second");
    assertThat(take("second")).isEmpty();
    assertThat(take("first")).contains("value");
  }

  @Test
  void anUnclaimedValueGivesWayIfTheLastOneStays() throws Exception {
    prefetcher = prefetcher(Prefetcher.Precedence.LAST, LONG);
    gate.release(2);
    begin("first");
    while (released.isEmpty()) {
      begin("second");
      Thread.sleep(1);
    }
    awaitReleased("first value");
    assertThat(take("first")).isEmpty();
    assertThat(take("second")).contains("value");
  }

  @Test
  void aCancelledValueIsReleasedThoughItWasMadeAllTheSame() throws Exception {
    begin("key");
    prefetcher.cancel("another"::equals);
    assertThat(released).isEmpty();
    prefetcher.cancel("key"::equals);
    awaitReleased("key value");
    assertThat(take("key")).isEmpty();
  }

  @Test
  void aValueThatIsNotAskedForExpires() throws Exception {
    prefetcher = prefetcher(Prefetcher.Precedence.FIRST, SHORT);
    gate.release();
    begin("key");
    awaitReleased("key value");
    assertThat(take("key")).isEmpty();
  }

  @Test
  void closingReleasesWhatIsThereAndNothingBeginsAfterwards() {
    gate.release();
    begin("key");
    prefetcher.close();
    assertThat(released).containsExactly("key value");
    begin("key");
    assertThat(take("key")).isEmpty();
    assertThat(released).hasSize(1);
  }
}
