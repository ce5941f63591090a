package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Counting the usage of a layer that a client wrote. */
@Timeout(60)
class UsageCountTest {

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int CLIENTS = 4;

  @TempDir private Path temporary;

  private final AtomicInteger walks = new AtomicInteger();
  private final CountDownLatch walking = new CountDownLatch(1);
  private CountDownLatch mayWalk = new CountDownLatch(0);
  private boolean fails;
  private EngineRoot engine;

  @BeforeEach
  void open() throws Exception {
    engine = TestEngine.open(temporary.resolve("root"), new UnsyncedDisk(), SlowDriver::new);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private final class SlowDriver extends ForwardingDriver {

    SlowDriver(Driver driver) {
      super(driver);
    }

    @Override
    public Usage usage(Chain chain) throws ErrnoException {
      walks.incrementAndGet();
      walking.countDown();
      try {
        mayWalk.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      if (fails) {
        throw new ErrnoException("getdents64", Errno.EIO, LinuxPath.of("injected"));
      }
      return super.usage(chain);
    }
  }

  private Snapshotter snapshots() {
    return engine.snapshotter();
  }

  private void makeLayer() throws Exception {
    Path files = Path.of(snapshots().prepare("a", "", NO_LABELS).getFirst().source());
    for (int i = 0; i < 10; i++) {
      Files.createFile(files.resolve("f" + i));
    }
    snapshots().commit("layer", "a", "", NO_LABELS);
  }

  @Test
  void commitDoesNotCountAndAllWhoAskWaitForOneCountOfAll() throws Exception {
    makeLayer();
    assertThat(walks).hasValue(0);
    mayWalk = new CountDownLatch(1);
    try (ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
      List<Future<Usage>> answers = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        answers.add(clients.submit(() -> snapshots().usage("layer")));
      }
      walking.await();
      // The walk blocks neither the snapshot nor its name.
      snapshots().stat("layer");
      snapshots().update("layer", Map.of("a", "b"), List.of());
      snapshots().prepare("child", "layer", NO_LABELS);
      assertThat(answers).noneMatch(Future::isDone);
      mayWalk.countDown();
      for (Future<Usage> answer : answers) {
        assertThat(answer.get().inodes()).isEqualTo(11);
      }
    }
    // A request just after the end of the walk may have read the record just before the update, and
    // walks again.
    int counts = walks.get();
    snapshots().usage("layer");
    assertThat(walks).hasValue(counts);
    assertThat(snapshots().stat("layer").labels()).containsEntry("a", "b");
  }

  @Test
  void whatWasCountedOnceIsKnownAfterARestart() throws Exception {
    makeLayer();
    Usage counted = snapshots().usage("layer");
    close();
    open();
    assertThat(snapshots().usage("layer")).isEqualTo(counted);
    assertThat(walks).hasValue(1);
  }

  @Test
  void whatCouldNotBeCountedIsCountedWhenItIsAskedForAgain() throws Exception {
    makeLayer();
    fails = true;
    assertThatThrownBy(() -> snapshots().usage("layer"))
        .isInstanceOf(SnapshotException.StorageFailure.class);
    fails = false;
    assertThat(snapshots().usage("layer").inodes()).isEqualTo(11);
    assertThat(walks).hasValue(2);
  }
}
