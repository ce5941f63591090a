package io.gatun.linux.mount;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.once;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.variadic;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Namespaces and scheduling: {@code sched.h}. Most calls affect the calling <em>thread</em>: use a
 * dedicated platform thread that ends afterwards.
 */
public final class Sched {

  /** Scheduling policies, {@code sched(7)}. */
  public enum SchedulingPolicy {
    NORMAL(Abi.SCHED_OTHER),
    /** The same share of the processor, but a wake-up does not preempt other threads. */
    BATCH(Abi.SCHED_BATCH);

    final int number;

    SchedulingPolicy(int number) {
      this.number = number;
    }
  }

  private static final MethodHandle UNSHARE = function("unshare", INT, INT);

  private static final MethodHandle SCHED_SETSCHEDULER =
      function("sched_setscheduler", INT, INT, INT, POINTER);

  private static final MethodHandle CLONE =
      variadic("clone", 4, INT, POINTER, POINTER, INT, POINTER);
  private static final MethodHandle WAITPID = function("waitpid", INT, INT, POINTER, INT);

  /** The entry point of a child created only for its namespaces; it never returns to the JVM. */
  private static final MemorySegment EXIT =
      Linker.nativeLinker().defaultLookup().find("_exit").orElseThrow();

  private static final int THIS_THREAD = 0;

  /** struct sched_param: the priority, which is 0 with these policies. */
  private static final int PARAMETERS_BYTES = Integer.BYTES;

  private static final int STACK_BYTES = 64 << 10;
  private static final int STACK_ALIGNMENT_BYTES = 16;

  private Sched() {}

  /**
   * Gives the thread a mount namespace, root and working directory of its own: unshare(2) with
   * CLONE_NEWNS.
   */
  public static void unshareMounts() throws ErrnoException {
    check("unshare", repeat((state, arena) -> (int) UNSHARE.invokeExact(state, Abi.CLONE_NEWNS)));
  }

  /** Sets the scheduling policy of the thread: sched_setscheduler(2). */
  public static void setPolicy(SchedulingPolicy policy) throws ErrnoException {
    check(
        "sched_setscheduler",
        repeat(
            (state, arena) -> {
              MemorySegment parameters = arena.allocate(PARAMETERS_BYTES, PARAMETERS_BYTES);
              return (int)
                  SCHED_SETSCHEDULER.invokeExact(state, THIS_THREAD, policy.number, parameters);
            }));
  }

  /**
   * {@return a new user namespace with these mappings, {@code user_namespaces(7)}; it has no
   * process and ends when it is closed and no mount uses it} A child that shares the memory and
   * ends at once creates it, as in posix_spawn(3): the kernel does not let a multi-threaded process
   * like the JVM enter another user namespace. A process that has ended keeps its namespaces until
   * it is waited for.
   *
   * @param uidMap lines of first id inside, first id outside and count, separated by spaces
   * @param gidMap the same for groups
   * @throws ErrnoException with {@code EINVAL} if a mapping is malformed or overlaps itself, {@code
   *     ENOSPC} if the limit of namespaces is reached
   */
  public static Fd newUserNamespace(String uidMap, String gidMap) throws ErrnoException {
    long result =
        once(
            (state, arena) -> {
              MemorySegment stack = arena.allocate(STACK_BYTES, STACK_ALIGNMENT_BYTES);
              return (int)
                  CLONE.invokeExact(
                      state,
                      EXIT,
                      stack.asSlice(STACK_BYTES),
                      Abi.CLONE_NEWUSER | Abi.CLONE_VM | Abi.CLONE_VFORK,
                      MemorySegment.NULL);
            });
    int child = (int) check("clone", result);
    try {
      LinuxPath process = LinuxPath.of("/proc/" + child);
      write(process.resolve("uid_map"), uidMap);
      write(process.resolve("gid_map"), gidMap);
      return Fcntl.open(process.resolve("ns/user"));
    } finally {
      // A child without an exit signal is ignored by other waitpid(2) calls for any child.
      check(
          "waitpid",
          repeat(
              (state, arena) ->
                  (int) WAITPID.invokeExact(state, child, MemorySegment.NULL, Abi.__WALL)));
    }
  }

  /** The kernel requires a single write. */
  private static void write(LinuxPath path, String text) throws ErrnoException {
    try (Fd file = Fcntl.open(path, OpenFlag.WRITE_ONLY)) {
      Unistd.write(file, ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
    }
  }
}
