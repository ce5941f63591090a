package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.failure;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.string;
import static io.gatun.linux.NativeCall.systemCall;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Flags;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.SystemCall;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Inodes: their attributes and creation, {@code sys/stat.h}.
 *
 * <p>Modes are permission bits with set-user-id, set-group-id and sticky, {@code 07777}; at
 * creation, the process's umask applies.
 */
public final class Stat {

  private static final MethodHandle MKDIRAT = function("mkdirat", INT, INT, POINTER, INT);
  private static final MethodHandle MKNODAT =
      systemCall(SystemCall.SYS_mknodat, LONG, POINTER, INT, INT);
  private static final MethodHandle FCHMOD = function("fchmod", INT, INT, INT);
  private static final MethodHandle CHMOD = function("chmod", INT, POINTER, INT);
  private static final MethodHandle FCHMODAT2 =
      systemCall(SystemCall.SYS_fchmodat2, LONG, POINTER, INT, INT);
  private static final MethodHandle UTIMENSAT =
      function("utimensat", INT, INT, POINTER, POINTER, INT);
  private static final MethodHandle STATX = function("statx", INT, INT, POINTER, INT, INT, POINTER);
  private static final MethodHandle UMASK = function("umask", INT, INT);

  private static final int MODE_BITS = 07777;
  private static final int MAJOR_BITS = 12;
  private static final int MINOR_BITS = 20;

  private static final long NANOS = offset(Abi.TIMESPEC, "tv_nsec");

  private Stat() {}

  /** mkdirat(2). */
  public static void mkdirat(Fd directory, LinuxPath name, int mode) throws ErrnoException {
    int at = directory.number();
    long result =
        repeat((state, arena) -> (int) MKDIRAT.invokeExact(state, at, string(name, arena), mode));
    check("mkdirat", result, directory, name);
  }

  /**
   * mknodat(2). Major and minor only matter for devices; {@code EINVAL} if they exceed Linux's 12
   * and 20 bits, or for a directory or a symbolic link.
   */
  public static void mknodat(
      Fd directory, LinuxPath name, NodeType type, int mode, int major, int minor)
      throws ErrnoException {
    int at = directory.number();
    if (major >>> MAJOR_BITS != 0 || minor >>> MINOR_BITS != 0) {
      throw failure("mknodat", -Errno.EINVAL.number(), directory, name);
    }
    int device = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
    int format = type.format | (mode & MODE_BITS);
    long result =
        repeat(
            (state, arena) ->
                (long) MKNODAT.invokeExact(state, (long) at, string(name, arena), format, device));
    check("mknodat", result, directory, name);
  }

  /** fchmod(2). {@code EBADF} for a descriptor opened with {@link OpenFlag#PATH}. */
  public static void fchmod(Fd file, int mode) throws ErrnoException {
    int fd = file.number();
    check("fchmod", repeat((state, arena) -> (int) FCHMOD.invokeExact(state, fd, mode)), file);
  }

  /**
   * fchmodat2(2), or an emulation before Linux 6.6. With {@link AtFlag#SYMLINK_NOFOLLOW}, a
   * symbolic link is {@code EOPNOTSUPP}: Linux does not support modes of links.
   */
  public static void fchmodat2(Fd directory, LinuxPath name, int mode, AtFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat(
            (state, arena) ->
                (long) FCHMODAT2.invokeExact(state, (long) at, string(name, arena), mode, bits));
    if (result == -Errno.ENOSYS.number()) {
      chmodThroughProc(directory, name, mode, flags);
    } else {
      check("fchmodat2", result, directory, name);
    }
  }

  /**
   * Emulates fchmodat2: opens the name with O_PATH and changes the target of its link in
   * /proc/self/fd, which cannot be replaced meanwhile. Needs /proc.
   */
  static void chmodThroughProc(Fd directory, LinuxPath name, int mode, AtFlag... flags)
      throws ErrnoException {
    int bits = Flags.bits(flags, flag -> flag.bits);
    if (name.isEmpty() && (bits & Abi.AT_EMPTY_PATH) != 0) {
      chmodThroughProc(directory, mode);
      return;
    }
    OpenFlag[] how =
        (bits & Abi.AT_SYMLINK_NOFOLLOW) == 0
            ? new OpenFlag[] {OpenFlag.PATH}
            : new OpenFlag[] {OpenFlag.PATH, OpenFlag.NO_FOLLOW};
    try (Fd place = Fcntl.openat(directory, name, how)) {
      if (statx(place).type() == NodeType.SYMBOLIC_LINK) {
        throw failure("fchmodat2", -Errno.EOPNOTSUPP.number(), directory, name);
      }
      chmodThroughProc(place, mode);
    }
  }

  private static void chmodThroughProc(Fd place, int mode) throws ErrnoException {
    LinuxPath link = ProcFd.of(place);
    check(
        "chmod",
        repeat((state, arena) -> (int) CHMOD.invokeExact(state, string(link, arena), mode)),
        Fd.CURRENT_DIRECTORY,
        link);
  }

  /** Sets the times of an open file: futimens(3), which is utimensat(2) without a path. */
  public static void futimens(Fd file, Timespec accessed, Timespec modified) throws ErrnoException {
    int fd = file.number();
    long result =
        repeat(
            (state, arena) ->
                (int)
                    UTIMENSAT.invokeExact(
                        state, fd, MemorySegment.NULL, times(arena, accessed, modified), 0));
    check("utimensat", result, file);
  }

  /** utimensat(2). */
  public static void utimensat(
      Fd directory, LinuxPath name, Timespec accessed, Timespec modified, AtFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat(
            (state, arena) ->
                (int)
                    UTIMENSAT.invokeExact(
                        state, at, string(name, arena), times(arena, accessed, modified), bits));
    check("utimensat", result, directory, name);
  }

  private static MemorySegment times(Arena arena, Timespec accessed, Timespec modified) {
    MemorySegment times = arena.allocate(Abi.TIMESPEC, 2);
    long second = Abi.TIMESPEC.byteSize();
    times.set(LONG, 0, accessed.seconds());
    times.set(LONG, NANOS, accessed.nanos());
    times.set(LONG, second, modified.seconds());
    times.set(LONG, second + NANOS, modified.nanos());
    return times;
  }

  /** {@return the status of an open file, even one opened with {@link OpenFlag#PATH}: statx(2)} */
  public static FileStatus statx(Fd file) throws ErrnoException {
    FileStatus[] status = new FileStatus[1];
    check("statx", statx(file.number(), LinuxPath.EMPTY, Abi.AT_EMPTY_PATH, status), file);
    return status[0];
  }

  /** {@return the status of a name: statx(2)} Follows a symbolic link by default. */
  public static FileStatus statx(Fd directory, LinuxPath name, AtFlag... flags)
      throws ErrnoException {
    FileStatus[] status = new FileStatus[1];
    int bits = Flags.bits(flags, flag -> flag.bits);
    check("statx", statx(directory.number(), name, bits, status), directory, name);
    return status[0];
  }

  /** {@return the status of a name, or empty if statx(2) fails with {@code ENOENT}} */
  public static Optional<FileStatus> tryStatx(Fd directory, LinuxPath name, AtFlag... flags)
      throws ErrnoException {
    FileStatus[] status = new FileStatus[1];
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result = statx(directory.number(), name, bits, status);
    if (result == -Errno.ENOENT.number()) {
      return Optional.empty();
    }
    check("statx", result, directory, name);
    return Optional.of(status[0]);
  }

  private static long statx(int at, LinuxPath name, int bits, FileStatus[] status) {
    return repeat(
        (state, arena) -> {
          MemorySegment struct = arena.allocate(Abi.STATX);
          int result =
              (int)
                  STATX.invokeExact(
                      state,
                      at,
                      string(name, arena),
                      bits,
                      Abi.STATX_BASIC_STATS | Abi.STATX_MNT_ID,
                      struct);
          if (result == 0) {
            status[0] = FileStatus.read(struct);
          }
          return result;
        });
  }

  /**
   * {@return the previous umask: umask(2)} It belongs to the whole process; set it once, at the
   * start.
   */
  public static int umask(int mask) {
    return (int) repeat((state, arena) -> (int) UMASK.invokeExact(state, mask));
  }
}
