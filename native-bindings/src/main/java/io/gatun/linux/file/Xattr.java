package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.failure;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.string;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Extended attributes: {@code sys/xattr.h} and {@code xattr(7)}. Attribute names start with their
 * namespace, as in {@code user.mime_type}, and are bytes like paths.
 *
 * <p>The calls with a directory and a name never follow a symbolic link at the name. They go
 * through /proc/self/fd, because getxattrat(2) and its siblings need Linux 6.13.
 */
public final class Xattr {

  private static final MethodHandle FGETXATTR =
      function("fgetxattr", LONG, INT, POINTER, POINTER, LONG);
  private static final MethodHandle LGETXATTR =
      function("lgetxattr", LONG, POINTER, POINTER, POINTER, LONG);
  private static final MethodHandle FSETXATTR =
      function("fsetxattr", INT, INT, POINTER, POINTER, LONG, INT);
  private static final MethodHandle LSETXATTR =
      function("lsetxattr", INT, POINTER, POINTER, POINTER, LONG, INT);
  private static final MethodHandle FLISTXATTR = function("flistxattr", LONG, INT, POINTER, LONG);
  private static final MethodHandle LLISTXATTR =
      function("llistxattr", LONG, POINTER, POINTER, LONG);
  private static final MethodHandle FREMOVEXATTR = function("fremovexattr", INT, INT, POINTER);

  /** Enough for nearly all values and lists; avoids a call for the size. */
  private static final int USUAL_BYTES = 512;

  @FunctionalInterface
  private interface Reader {
    long read(MemorySegment state, Arena arena, MemorySegment memory) throws Throwable;
  }

  private Xattr() {}

  /** {@return the value of an open file's attribute, or empty if it has none: fgetxattr(2)} */
  public static Optional<byte[]> fgetxattr(Fd file, LinuxPath attribute) throws ErrnoException {
    int fd = file.number();
    return Optional.ofNullable(
        read(
            "fgetxattr",
            file,
            LinuxPath.EMPTY,
            Abi.XATTR_SIZE_MAX,
            (state, arena, memory) ->
                (long)
                    FGETXATTR.invokeExact(
                        state, fd, string(attribute, arena), memory, memory.byteSize())));
  }

  /** {@return the value of a name's attribute, or empty if it has none: lgetxattr(2)} */
  public static Optional<byte[]> lgetxattr(Fd directory, LinuxPath name, LinuxPath attribute)
      throws ErrnoException {
    LinuxPath path = ProcFd.of(directory, name);
    return Optional.ofNullable(
        read(
            "lgetxattr",
            directory,
            name,
            Abi.XATTR_SIZE_MAX,
            (state, arena, memory) ->
                (long)
                    LGETXATTR.invokeExact(
                        state,
                        string(path, arena),
                        string(attribute, arena),
                        memory,
                        memory.byteSize())));
  }

  /** Sets an attribute of an open file: fsetxattr(2). At most 64 KiB, often less. */
  public static void fsetxattr(Fd file, LinuxPath attribute, byte[] value) throws ErrnoException {
    int fd = file.number();
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_BYTE, value);
              return (int)
                  FSETXATTR.invokeExact(
                      state, fd, string(attribute, arena), memory, memory.byteSize(), 0);
            });
    checkAttribute("fsetxattr", result, file, LinuxPath.EMPTY, attribute);
  }

  /** Sets an attribute of a name: lsetxattr(2). At most 64 KiB, often less. */
  public static void lsetxattr(Fd directory, LinuxPath name, LinuxPath attribute, byte[] value)
      throws ErrnoException {
    LinuxPath path = ProcFd.of(directory, name);
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_BYTE, value);
              return (int)
                  LSETXATTR.invokeExact(
                      state,
                      string(path, arena),
                      string(attribute, arena),
                      memory,
                      memory.byteSize(),
                      0);
            });
    checkAttribute("lsetxattr", result, directory, name, attribute);
  }

  /** {@return the attribute names of an open file: flistxattr(2)} */
  public static List<LinuxPath> flistxattr(Fd file) throws ErrnoException {
    int fd = file.number();
    return split(
        read(
            "flistxattr",
            file,
            LinuxPath.EMPTY,
            Abi.XATTR_LIST_MAX,
            (state, arena, memory) ->
                (long) FLISTXATTR.invokeExact(state, fd, memory, memory.byteSize())));
  }

  /** {@return the attribute names of a name: llistxattr(2)} */
  public static List<LinuxPath> llistxattr(Fd directory, LinuxPath name) throws ErrnoException {
    LinuxPath path = ProcFd.of(directory, name);
    return split(
        read(
            "llistxattr",
            directory,
            name,
            Abi.XATTR_LIST_MAX,
            (state, arena, memory) ->
                (long)
                    LLISTXATTR.invokeExact(state, string(path, arena), memory, memory.byteSize())));
  }

  /**
   * Removes an attribute of an open file: fremovexattr(2). {@code ENODATA} if it does not exist.
   */
  public static void fremovexattr(Fd file, LinuxPath attribute) throws ErrnoException {
    int fd = file.number();
    long result =
        repeat(
            (state, arena) -> (int) FREMOVEXATTR.invokeExact(state, fd, string(attribute, arena)));
    checkAttribute("fremovexattr", result, file, LinuxPath.EMPTY, attribute);
  }

  /** {@return the value or list, or null if there is none} Tries the usual size first. */
  private static byte @Nullable [] read(
      String call, Fd directory, LinuxPath name, int maxBytes, Reader reader)
      throws ErrnoException {
    byte[][] into = new byte[1][];
    long result = readUpTo(USUAL_BYTES, into, reader);
    if (result == -Errno.ERANGE.number()) {
      result = readUpTo(maxBytes, into, reader);
    }
    if (result == -Errno.ENODATA.number()) {
      return null;
    }
    check(call, result, directory, name);
    return into[0];
  }

  private static long readUpTo(int capacity, byte[][] into, Reader reader) {
    return repeat(
        (state, arena) -> {
          MemorySegment memory = arena.allocate(capacity);
          long length = reader.read(state, arena, memory);
          if (length >= 0) {
            into[0] = memory.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
          }
          return length;
        });
  }

  /** A list consists of names that each end with NUL. */
  private static List<LinuxPath> split(byte @Nullable [] list) {
    if (list == null || list.length == 0) {
      return List.of();
    }
    List<LinuxPath> names = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < list.length; i++) {
      if (list[i] == 0) {
        names.add(LinuxPath.wrap(Arrays.copyOfRange(list, start, i)));
        start = i + 1;
      }
    }
    return names;
  }

  private static void checkAttribute(
      String call, long result, Fd directory, LinuxPath name, LinuxPath attribute)
      throws ErrnoException {
    if (result < 0) {
      throw failure(call + " " + attribute + " of", result, directory, name);
    }
  }
}
