package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.fault.Effect;
import io.gatun.snapshot.fault.QuietLogs;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiPredicate;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: from whichever sync of the metadata on the disk takes nothing more, changes are refused and
 * all reads are answered with what was acknowledged; when the disk works again, so does everything.
 */
@Timeout(1_800)
@Execution(ExecutionMode.CONCURRENT)
@ExtendWith(QuietLogs.class)
class UnhealedFailureCrashTest {

  /** Fewer than there are; with fewer, something is missing from the script. */
  private static final int SYNCS_MIN = 10;

  private static final int RETRY_MILLIS = 20;

  private final List<Operation> script =
      Script.operations().stream()
          .filter(operation -> !(operation instanceof Operation.Restart))
          .toList();

  @ParameterizedTest
  @EnumSource(names = {"EIO", "ENOSPC", "EROFS"})
  void changesAreRefusedAndReadsAnsweredAsLongAsTheDiskFails(Errno errno) {
    int syncs = Attempts.count(nth -> fail(errno, nth));
    System.out.printf("%s from each of %d syncs on%n", errno, syncs);
    assertThat(syncs).isGreaterThanOrEqualTo(SYNCS_MIN);
  }

  /** {@return whether the script comes to so many syncs} */
  private boolean fail(Errno errno, int nth) {
    try (Survival survival = new Survival(DriverSetting.NATIVE)) {
      survival.start();
      survival.machine().disk().breakDown(fromSync(nth), errno);
      boolean isKept = false;
      for (Operation operation : script) {
        boolean isRefused = survival.run(operation);
        isKept |= isRefused;
        assertThat(isRefused && isRead(operation))
            .as("%s after %s", operation, survival.lastFault())
            .isFalse();
      }
      boolean fired = survival.machine().disk().fired().isPresent();
      survival.machine().disk().heal();
      if (isKept) {
        awaitChanges(survival);
      }
      survival.crash(nth % 2 == 0 ? new Survival.Crash.Kill() : new Survival.Crash.PowerCut());
      survival.recover();
      survival.finish();
      return fired;
    }
  }

  /** The first sync of the metadata that fails, and everything that is done to them after it. */
  private static BiPredicate<Effect, LinuxPath> fromSync(int nth) {
    AtomicInteger syncs = new AtomicInteger();
    return (effect, path) -> {
      if (!path.toString().contains("/metadata")) {
        return false;
      }
      return switch (effect) {
        case SYNC, SYNC_DATA -> syncs.incrementAndGet() >= nth;
        case CREATE_DIRECTORY,
            CREATE_FILE,
            CREATE_NAMELESS_FILE,
            CREATE_SYMBOLIC_LINK,
            CREATE_HARD_LINK,
            CREATE_NODE,
            REMOVE_FILE,
            REMOVE_DIRECTORY,
            RENAME,
            REPLACE,
            EXCHANGE,
            SET_OWNER,
            SET_MODE,
            SET_TIMES,
            SET_XATTR,
            REMOVE_XATTR,
            CHANGE_INODE_FLAGS,
            ENABLE_VERITY,
            WRITE,
            COPY_RANGE,
            CLONE_FILE,
            TRUNCATE,
            ALLOCATE,
            START_WRITEBACK,
            SYNC_FILESYSTEM ->
            syncs.get() >= nth;
      };
    };
  }

  private static boolean isRead(Operation operation) {
    return switch (operation) {
      case Operation.Mounts _, Operation.Stat _, Operation.ListAll _, Operation.UsageOf _ -> true;
      case Operation.Restart _,
          Operation.Write _,
          Operation.Prepare _,
          Operation.View _,
          Operation.Commit _,
          Operation.Remove _,
          Operation.Update _,
          Operation.Cleanup _ ->
          false;
    };
  }

  /** The store tries only once in a while to recover. */
  private static void awaitChanges(Survival survival) {
    int attempt = 0;
    while (survival.run(new Operation.Prepare("k8s.io/99/attempt " + attempt, "", Map.of()))) {
      attempt++;
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(RETRY_MILLIS));
    }
  }
}
