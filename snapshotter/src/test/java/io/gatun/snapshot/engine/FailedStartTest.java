package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Fault;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fault.QuietLogs;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: a failed start leaves nothing open, so that the next one finds the root unlocked and
 * complete. Method: each effect of a start fails once, for each initial state of the root.
 */
@Timeout(300)
@ExtendWith(QuietLogs.class)
class FailedStartTest {

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final int JOURNAL_HEADER_BYTES = 64;
  private static final long THREADS_END_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** The initial states of a root. */
  enum Found {
    NEW {
      @Override
      void bringAbout(Machine machine) {}
    },
    STOPPED {
      @Override
      void bringAbout(Machine machine) {
        use(machine);
        machine.stop();
      }
    },
    KILLED {
      @Override
      void bringAbout(Machine machine) {
        use(machine);
        machine.kill();
      }
    },
    /** The start rewrites everything from the index. */
    STOPPED_AND_JOURNAL_DAMAGED {
      @Override
      void bringAbout(Machine machine) {
        STOPPED.bringAbout(machine);
        overwrite(machine, "journal-1", JOURNAL_HEADER_BYTES);
      }
    },
    /** The start rebuilds the index from checkpoint and journal. */
    STOPPED_AND_INDEX_DAMAGED {
      @Override
      void bringAbout(Machine machine) {
        STOPPED.bringAbout(machine);
        overwrite(machine, "names.index", 0);
      }
    };

    abstract void bringAbout(Machine machine);

    Set<String> snapshots() {
      return this == NEW ? Set.of() : Set.of("layer", "container");
    }

    private static void use(Machine machine) {
      startWhole(machine);
      machine.snapshotter().prepare("extract", "", NO_LABELS);
      machine.snapshotter().commit("layer", "extract", "", NO_LABELS);
      machine.snapshotter().prepare("container", "layer", NO_LABELS);
      machine.settle();
    }

    private static void overwrite(Machine machine, String file, long offset) {
      Path path = machine.root().resolve("metadata").resolve(file);
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.write(
            ByteBuffer.wrap("rubbish, and more of it".getBytes(StandardCharsets.UTF_8)), offset);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Found.class)
  void leavesNothingOpenWhicheverStepFails(Found found) {
    int failed = 0;
    for (int nth = 1; tryToStart(found, nth); nth++) {
      failed++;
    }
    assertThat(failed).isGreaterThan(10);
  }

  /** {@return whether the start has this many effects} */
  private static boolean tryToStart(Found found, int nth) {
    try (Machine machine = Machine.create(DriverSetting.NATIVE)) {
      found.bringAbout(machine);
      machine.disk().planFault(nth, new Fault.Failure(Errno.EIO));
      boolean isStarted = isStarted(machine);
      boolean fired = machine.disk().fired().isPresent();
      String effect = machine.disk().fired().orElse("nothing");
      machine.disk().heal();
      if (isStarted) {
        machine.stop();
      }
      assertThat(machine.usedFiles()).as("open after the failure of %s", effect).isEmpty();
      awaitNoThreads(effect);
      startWhole(machine);
      assertThat(TestEngine.list(machine.snapshotter()))
          .as("snapshots after the failure of %s", effect)
          .containsOnlyKeys(found.snapshots());
      return fired;
    }
  }

  private static boolean isStarted(Machine machine) {
    try {
      machine.start();
      return true;
    } catch (UnusableRootException e) {
      assertThat(e).hasMessageContaining("root").hasMessageContaining("EIO");
      assertThatThrownBy(machine::snapshotter).isInstanceOf(IllegalStateException.class);
      return false;
    }
  }

  private static void startWhole(Machine machine) {
    try {
      machine.start();
    } catch (UnusableRootException e) {
      throw new AssertionError("does not start on a disk that works", e);
    }
  }

  /** A pool is terminated a moment before its threads end (class ThreadPoolExecutor). */
  private static void awaitNoThreads(String effect) {
    long deadline = System.nanoTime() + THREADS_END_NANOS;
    while (!threads().isEmpty() && System.nanoTime() - deadline < 0) {
      Thread.onSpinWait();
    }
    assertThat(threads()).as("running after the failure of %s", effect).isEmpty();
  }

  /** Threads that copy and sync trees are left out: they end after some idle time. */
  private static Set<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("gatun-"))
        .filter(name -> !name.startsWith("gatun-copy") && !name.startsWith("gatun-sync"))
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
