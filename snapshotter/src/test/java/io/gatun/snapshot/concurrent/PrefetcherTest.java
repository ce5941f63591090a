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
  private final Semaphore known = new Semaphore(0);
  private Prefetcher<String, String> prefetcher = prefetcher(LONG);

  @AfterEach
  void close() {
    gate.release(100);
    prefetcher.close();
  }

  private static Prefetcher<String, String> prefetcher(Duration expected) {
    return new Prefetcher<>("gatun-test-ahead", () -> false, expected);
  }

  private Prefetcher.Work<String, String> work(String key, Optional<String> value) {
    return new Prefetcher.Work<>() {
      @Override
      public Optional<String> make(Predicate<String> isWanted) {
        boolean isMade = isWanted.test(key);
        known.release();
        gate.acquireUninterruptibly();
        return isMade ? value : Optional.empty();
      }

      @Override
      public void cancel() {
        gate.release();
      }

      @Override
      public void release(Optional<String> made) {
        released.add(key + " " + made.orElse("nothing"));
      }
    };
  }

  /** Offers work, which may not begin. */
  private void offer(Prefetcher.Work<String, String> work) {
    prefetcher.claim("before", Optional.of(work), () -> false).close();
  }

  /** Begins the work for a value, and waits until its key is known. */
  private void begin(String key) {
    begin(work(key, Optional.of("value")));
  }

  private void begin(Prefetcher.Work<String, String> work) {
    offer(work);
    known.acquireUninterruptibly();
  }

  private Optional<String> take(String key) {
    try (Prefetcher<String, String>.Claim claim = claim(key)) {
      return claim.value();
    }
  }

  private Prefetcher<String, String>.Claim claim(String key) {
    return prefetcher.claim(key, Optional.empty(), () -> false);
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
    try (Prefetcher<String, String>.Claim first = claim("key")) {
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
    begin(work("key", Optional.empty()));
    assertThat(take("key")).isEmpty();
    awaitReleased("key nothing");
  }

  @Test
  void workThatFailsIsReleasedAndItsCallerFindsNothing() throws Exception {
    Prefetcher.Work<String, String> failing =
        new Prefetcher.Work<>() {
          @Override
          public Optional<String> make(Predicate<String> isWanted) {
            var _ = isWanted.test("key");
            known.release();
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
    begin(failing);
    gate.release();
    assertThat(take("key")).isEmpty();
    awaitReleased("failed");
  }

  @Test
  void valueOfAClaimedKeyIsNotWanted() throws Exception {
    try (Prefetcher<String, String>.Claim _ =
        prefetcher.claim("key", Optional.of(work("key", Optional.of("value"))), () -> false)) {
      known.acquireUninterruptibly();
      gate.release();
      awaitReleased("key nothing");
      assertThat(take("key")).isEmpty();
    }
  }

  @Test
  void anUnclaimedValueKeepsOthersFromBeingBegun() {
    gate.release(2);
    begin("first");
    offer(work("second", Optional.of("value")));
    assertThat(take("second")).isEmpty();
    assertThat(take("first")).contains("value");
  }

  @Test
  void valueThatIsMadeAfterTheCloseIsReleased() {
    begin("key");
    prefetcher.close();
    assertThat(released).containsExactly("key value");
    assertThat(take("key")).isEmpty();
  }

  @Test
  void aValueThatIsNotAskedForExpires() throws Exception {
    prefetcher = prefetcher(SHORT);
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
    offer(work("key", Optional.of("value")));
    assertThat(take("key")).isEmpty();
    assertThat(released).hasSize(1);
  }
}
