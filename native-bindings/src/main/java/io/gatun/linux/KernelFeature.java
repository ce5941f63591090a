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
 * System calls that a kernel may lack or forbid. Probing is optional, since a missing call fails
 * with {@code ENOSYS}; it provides a message for the user.
 */
public enum KernelFeature {
  OPENAT2(SystemCall.SYS_openat2, "openat2(2)", "5.6"),
  FCHMODAT2(SystemCall.SYS_fchmodat2, "fchmodat2(2)", "6.6"),
  /** fsopen, fsconfig, fsmount, open_tree and move_mount, introduced together. */
  MOUNT_DESCRIPTORS(SystemCall.SYS_open_tree, "open_tree(2)", "5.2"),
  MOUNT_SETATTR(SystemCall.SYS_mount_setattr, "mount_setattr(2)", "5.12");

  /** An invalid directory: all of these calls refuse it without any effect. */
  private static final int NO_DIRECTORY = -1;

  private final int number;
  private final String call;
  private final String since;

  KernelFeature(int number, String call, String since) {
    this.number = number;
    this.call = call;
    this.since = since;
  }

  /** {@return a message why the call cannot be used here, or empty if it can} */
  public Optional<String> absence() {
    return absence(probe());
  }

  public boolean isPresent() {
    return absence().isEmpty();
  }

  /** Interprets the result: any other error comes from the call itself. */
  Optional<String> absence(long result) {
    if (result == -Errno.ENOSYS.number()) {
      return Optional.of(
          "kernel %s has no %s, which needs Linux %s"
              .formatted(System.getProperty("os.version"), call, since));
    }
    if (result == -Errno.EPERM.number()) {
      return Optional.of(call + " is refused with EPERM, probably by a seccomp filter");
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
