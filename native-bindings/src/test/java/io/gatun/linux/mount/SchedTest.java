package io.gatun.linux.mount;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.mount.Sched.SchedulingPolicy;
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
                    seen.add(Sched.hasPolicy(SchedulingPolicy.NORMAL));
                    Sched.setPolicy(SchedulingPolicy.BATCH);
                    seen.add(Sched.hasPolicy(SchedulingPolicy.BATCH));
                    Sched.setPolicy(SchedulingPolicy.NORMAL);
                    seen.add(Sched.hasPolicy(SchedulingPolicy.NORMAL));
                    Sched.setPolicy(SchedulingPolicy.BATCH);
                  } catch (ErrnoException e) {
                    throw new AssertionError(e);
                  }
                });
    thread.join();
    assertThat(seen).containsExactly(true, true, true);
    assertThat(Sched.hasPolicy(SchedulingPolicy.NORMAL)).isTrue();
  }
}
