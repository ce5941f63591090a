package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Sched;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A thread in its own mount namespace. Its mounts are invisible to others and end with the thread,
 * however the process ends. A descriptor opened outside refers to the mounts outside, on which
 * nothing can be mounted from here.
 */
final class PrivateMounts {

  private static final LinuxPath ROOT = LinuxPath.of("/");
  private static final LinuxPath NO_SOURCE = LinuxPath.of("none");

  private PrivateMounts() {}

  @FunctionalInterface
  interface Task<T> {
    T run() throws ErrnoException;
  }

  /**
   * {@return the result of the task}
   *
   * @param thread its name
   */
  static <T> T run(String thread, Task<T> task) throws ErrnoException {
    FutureTask<T> future =
        new FutureTask<>(
            () -> {
              Sched.unshareMounts();
              Mounts.mount(NO_SOURCE, ROOT, "", Set.of(MountFlag.RECURSIVE, MountFlag.PRIVATE), "");
              return task.run();
            });
    Thread.ofPlatform().name(thread).start(future);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ErrnoException failure) {
        throw failure;
      }
      throw new IllegalStateException(thread, e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
