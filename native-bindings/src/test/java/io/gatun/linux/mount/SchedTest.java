package io.gatun.linux.mount;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.mount.Sched.SchedulingPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SchedTest {

  @Test
  void policyIsThatOfTheThreadAlone() throws Exception {
    List<Boolean> seen = new ArrayList<>();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    seen.add(hasPolicy(SchedulingPolicy.NORMAL));
                    Sched.setPolicy(SchedulingPolicy.BATCH);
                    seen.add(hasPolicy(SchedulingPolicy.BATCH));
                    Sched.setPolicy(SchedulingPolicy.NORMAL);
                    seen.add(hasPolicy(SchedulingPolicy.NORMAL));
                    Sched.setPolicy(SchedulingPolicy.BATCH);
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });
    thread.join();
    assertThat(seen).containsExactly(true, true, true);
    assertThat(hasPolicy(SchedulingPolicy.NORMAL)).isTrue();
  }

  /** The policy is the 41st field of proc_pid_stat(5); the second, a name, is in parentheses. */
  private static boolean hasPolicy(SchedulingPolicy policy) throws IOException {
    String line = Files.readString(Path.of("/proc/thread-self/stat"));
    String[] afterName = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
    return Integer.parseInt(afterName[41 - 3]) == policy.number;
  }
}
