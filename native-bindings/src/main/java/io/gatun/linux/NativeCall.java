package io.gatun.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;

/**
 * The gateway to the C library. A function is looked up once, with {@link #function} or {@link
 * #systemCall}. Each call runs in {@link #repeat} or {@link #once}, which provide an arena for its
 * arguments and errno: with a shared buffer, threads would see each other's errno.
 *
 * <p>Only bindings use this class. A call returns the kernel's result: a value from 0 on, or a
 * negated errno, which {@link #check} turns into an exception.
 */
public final class NativeCall {

  public static final ValueLayout.OfInt INT = JAVA_INT;
  public static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  public static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option CAPTURE_ERRNO = Linker.Option.captureCallState("errno");
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  static final long ERRNO = STATE.byteOffset(MemoryLayout.PathElement.groupElement("errno"));

  private static final int EINTR = Errno.EINTR.number();

  /** A call; receives the memory for errno and an arena for arguments. */
  @FunctionalInterface
  public interface Body {
    // MethodHandle.invokeExact() throws Throwable.
    long invoke(MemorySegment state, Arena arena) throws Throwable;
  }

  private NativeCall() {}

  /**
   * {@return a handle of a C function, of type {@code (MemorySegment state, arguments...)}; it
   * fails with ENOSYS if the C library does not have the function}
   */
  public static MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    return link(name, FunctionDescriptor.of(result, arguments), CAPTURE_ERRNO);
  }

  /** Like {@link #function}, for a C function with an ellipsis after {@code fixed} arguments. */
  public static MethodHandle variadic(
      String name, int fixed, MemoryLayout result, MemoryLayout... arguments) {
    return link(
        name,
        FunctionDescriptor.of(result, arguments),
        CAPTURE_ERRNO,
        Linker.Option.firstVariadicArg(fixed));
  }

  /**
   * {@return a handle of syscall(2) for one system call, of type {@code (MemorySegment state,
   * arguments...) long}} For calls that only new C libraries have functions for.
   */
  public static MethodHandle systemCall(int number, MemoryLayout... arguments) {
    List<MemoryLayout> all = new ArrayList<>(List.of(arguments));
    all.addFirst(LONG);
    MethodHandle syscall = variadic("syscall", 1, LONG, all.toArray(MemoryLayout[]::new));
    return MethodHandles.insertArguments(syscall, 1, (long) number);
  }

  private static MethodHandle link(
      String name, FunctionDescriptor descriptor, Linker.Option... options) {
    return LINKER
        .defaultLookup()
        .find(name)
        .map(address -> LINKER.downcallHandle(address, descriptor, options))
        .orElseGet(() -> absent(descriptor.toMethodType()));
  }

  /** Replaces a missing function: (MemorySegment, A1-An)(int|long). */
  private static MethodHandle absent(MethodType type) {
    try {
      MethodHandle fail =
          MethodHandles.lookup()
              .findStatic(
                  NativeCall.class,
                  "failAbsent",
                  MethodType.methodType(int.class, MemorySegment.class));
      MethodHandle converted =
          fail.asType(MethodType.methodType(type.returnType(), MemorySegment.class));
      return MethodHandles.dropArguments(converted, 1, type.parameterList());
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
  }

  @SuppressWarnings("unused") // through a method handle
  private static int failAbsent(MemorySegment state) {
    state.set(JAVA_INT, ERRNO, Errno.ENOSYS.number());
    return -1;
  }

  /** {@return the result or a negated errno} Repeats a call that a signal interrupts. */
  public static long repeat(Body body) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      while (true) {
        long result = invoke(body, state, arena);
        if (result != -EINTR) {
          return result;
        }
      }
    }
  }

  /** {@return the result or a negated errno, EINTR included} */
  public static long once(Body body) {
    try (Arena arena = Arena.ofConfined()) {
      return invoke(body, arena.allocate(STATE), arena);
    }
  }

  private static long invoke(Body body, MemorySegment state, Arena arena) {
    long result;
    try {
      result = body.invoke(state, arena);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      // Native method handles throw no checked exceptions.
      throw new AssertionError(e);
    }
    return result >= 0 ? result : -(long) state.get(JAVA_INT, ERRNO);
  }

  /** {@return the result of a successful call} */
  public static long check(String call, long result) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(call, (int) -result, "");
    }
    return result;
  }

  /** {@return the result of a successful call on an open file} */
  public static long check(String call, long result, Fd file) throws ErrnoException {
    if (result < 0) {
      throw failure(call, result, file);
    }
    return result;
  }

  /** {@return the result of a successful call on a name} */
  public static long check(String call, long result, Fd directory, LinuxPath name)
      throws ErrnoException {
    if (result < 0) {
      throw failure(call, result, directory, name);
    }
    return result;
  }

  /** {@return the result of a successful call on two names} */
  public static long check(
      String call, long result, Fd fromDirectory, LinuxPath from, Fd toDirectory, LinuxPath to)
      throws ErrnoException {
    if (result < 0) {
      String both = path(fromDirectory, from) + " -> " + path(toDirectory, to);
      throw new ErrnoException(call, (int) -result, both);
    }
    return result;
  }

  /** {@return the offset of a structure's member} */
  public static long offset(StructLayout struct, String member) {
    return struct.byteOffset(MemoryLayout.PathElement.groupElement(member));
  }

  /** {@return a C string with the lifetime of the arena} */
  public static MemorySegment string(LinuxPath path, Arena arena) {
    return path.in(arena);
  }

  public static ErrnoException failure(String call, long result, Fd file) {
    return new ErrnoException(call, (int) -result, file.path().toString());
  }

  public static ErrnoException failure(String call, long result, Fd directory, LinuxPath name) {
    return new ErrnoException(call, (int) -result, path(directory, name));
  }

  private static String path(Fd directory, LinuxPath name) {
    return directory.path().resolve(name).toString();
  }
}
