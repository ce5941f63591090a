package io.gatun.linux;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.systemCall;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Calls that not every kernel that Gatun may meet has, or lets it use. Nothing here depends on
 * asking first: a call that is missing fails with {@code ENOSYS}. Asking gives a reason that can be
 * shown.
 */
public enum KernelFeature {
  OPENAT2(Abi.SYS_openat2, "openat2(2)", "5.6"),
  FCHMODAT2(Abi.SYS_fchmodat2, "fchmodat2(2)", "6.6"),
  /** fsopen, fsconfig, fsmount, open_tree and move_mount, which came together. */
  MOUNT_DESCRIPTORS(Abi.SYS_open_tree, "open_tree(2)", "5.2"),
  MOUNT_SETATTR(Abi.SYS_mount_setattr, "mount_setattr(2)", "5.12");

  /**
   * All of these take a directory, a path and numbers, and refuse these arguments before doing
   * anything.
   */
  private static final int NO_DIRECTORY = -1;

  private final int number;
  private final String call;
  private final String since;

  KernelFeature(int number, String call, String since) {
    this.number = number;
    this.call = call;
    this.since = since;
  }

  /** {@return why the call cannot be used here, in words for people; or nothing if it can} */
  public Optional<String> absence() {
    return absence(probe());
  }

  /** {@return whether the call can be used here} */
  public boolean isPresent() {
    return absence().isEmpty();
  }

  /**
   * What the answer of the kernel means: any failure other than these two comes from the call
   * itself.
   */
  Optional<String> absence(long result) {
    if (result == -Errno.ENOSYS.number()) {
      return Optional.of(
          "kernel %s has no %s, which came with Linux %s"
              .formatted(System.getProperty("os.version"), call, since));
    }
    if (result == -Errno.EPERM.number()) {
      return Optional.of(call + " is refused with EPERM, as a seccomp filter does");
    }
    return Optional.empty();
  }

  private long probe() {
    MethodHandle handle = systemCall(number, INT, POINTER, INT, POINTER, LONG);
    return repeat(
        (state, arena) ->
            (long)
                handle.invokeExact(
                    state, NO_DIRECTORY, LinuxPath.of("x").in(arena), 0, MemorySegment.NULL, 0L));
  }
}
