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
import io.gatun.linux.Flags;
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

  /**
   * Namespaces, {@code namespaces(7)}, and other thread attributes that unshare(2) can separate.
   */
  public enum NamespaceType {
    MOUNT(Abi.CLONE_NEWNS),
    USER(Abi.CLONE_NEWUSER),
    NETWORK(Abi.CLONE_NEWNET),
    PID(Abi.CLONE_NEWPID),
    IPC(Abi.CLONE_NEWIPC),
    UTS(Abi.CLONE_NEWUTS),
    /**
     * Not a namespace: root, working directory and umask, which the threads of a process otherwise
     * share.
     */
    FILESYSTEM_ATTRIBUTES(Abi.CLONE_FS);

    final int bits;

    NamespaceType(int bits) {
      this.bits = bits;
    }
  }

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
  private static final MethodHandle SETNS = function("setns", INT, INT, INT);

  private static final MethodHandle SCHED_GETSCHEDULER = function("sched_getscheduler", INT, INT);
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
   * Gives the thread its own copies: unshare(2). {@link NamespaceType#USER} is {@code EINVAL} in a
   * JVM, which always has several threads. {@link NamespaceType#MOUNT} requires {@link
   * NamespaceType#FILESYSTEM_ATTRIBUTES}, which the kernel adds.
   */
  public static void unshare(NamespaceType... types) throws ErrnoException {
    int bits = Flags.bits(types, type -> type.bits);
    check("unshare", repeat((state, arena) -> (int) UNSHARE.invokeExact(state, bits)));
  }

  /**
   * Moves the thread into a namespace: setns(2).
   *
   * @param namespace a file of /proc/PID/ns; {@code EINVAL} if it is of another type
   */
  public static void setns(Fd namespace, NamespaceType type) throws ErrnoException {
    int fd = namespace.number();
    int bits = type.bits;
    check("setns", repeat((state, arena) -> (int) SETNS.invokeExact(state, fd, bits)), namespace);
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

  public static boolean hasPolicy(SchedulingPolicy policy) throws ErrnoException {
    long current =
        check(
            "sched_getscheduler",
            repeat((state, arena) -> (int) SCHED_GETSCHEDULER.invokeExact(state, THIS_THREAD)));
    return current == policy.number;
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
