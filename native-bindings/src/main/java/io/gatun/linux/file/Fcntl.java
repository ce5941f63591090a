package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.string;
import static io.gatun.linux.NativeCall.systemCall;
import static io.gatun.linux.NativeCall.variadic;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Flags;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.SystemCall;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Set;

/**
 * Opening, locking and allocating files: {@code fcntl.h}, {@code linux/openat2.h} and {@code
 * sys/file.h}.
 *
 * <p>Offsets and lengths are in bytes; negative ones throw {@link IllegalArgumentException}.
 */
public final class Fcntl {

  /** Modes of fallocate(2). Without one, it reserves blocks and extends the file. */
  public enum FallocateFlag {
    KEEP_SIZE(Abi.FALLOC_FL_KEEP_SIZE),
    /** Only with {@link #KEEP_SIZE}. */
    PUNCH_HOLE(Abi.FALLOC_FL_PUNCH_HOLE);

    final int bits;

    FallocateFlag(int bits) {
      this.bits = bits;
    }
  }

  /** Restrictions of path resolution by openat2(2). */
  public enum ResolveFlag {
    /** {@code EXDEV} at a mount point, bind mounts included. */
    NO_MOUNT_CROSSING(Abi.RESOLVE_NO_XDEV),
    /** {@code ELOOP} at links like those in /proc/self/fd. */
    NO_MAGIC_LINKS(Abi.RESOLVE_NO_MAGICLINKS),
    /** {@code ELOOP} at any symbolic link, in any component. */
    NO_SYMLINKS(Abi.RESOLVE_NO_SYMLINKS),
    /** {@code EXDEV} for absolute paths and links, and for {@code ..} out of the directory. */
    BENEATH(Abi.RESOLVE_BENEATH),
    /** The directory is the root for absolute paths and links, and for {@code ..}. */
    IN_ROOT(Abi.RESOLVE_IN_ROOT),
    /** {@code EAGAIN} unless all components are cached. */
    CACHED(Abi.RESOLVE_CACHED);

    final int bits;

    ResolveFlag(int bits) {
      this.bits = bits;
    }
  }

  private static final MethodHandle OPENAT = variadic("openat", 3, INT, INT, POINTER, INT, INT);
  private static final MethodHandle OPENAT2 =
      systemCall(SystemCall.SYS_openat2, LONG, POINTER, POINTER, LONG);
  private static final MethodHandle FLOCK = function("flock", INT, INT, INT);
  private static final MethodHandle FALLOCATE = function("fallocate", INT, INT, INT, LONG, LONG);
  private static final MethodHandle SYNC_FILE_RANGE =
      function("sync_file_range", INT, INT, LONG, LONG, INT);
  private static final MethodHandle POSIX_FADVISE =
      function("posix_fadvise", INT, INT, LONG, LONG, INT);

  private static final MethodHandle CACHESTAT =
      systemCall(SystemCall.SYS_cachestat, INT, POINTER, POINTER, INT);

  private static final long HOW_FLAGS = offset(Abi.OPEN_HOW, "flags");
  private static final long HOW_MODE = offset(Abi.OPEN_HOW, "mode");
  private static final long HOW_RESOLVE = offset(Abi.OPEN_HOW, "resolve");

  private static final long RANGE_OFFSET = offset(Abi.CACHESTAT_RANGE, "off");
  private static final long RANGE_LENGTH = offset(Abi.CACHESTAT_RANGE, "len");
  private static final long STAT_CACHED = offset(Abi.CACHESTAT, "nr_cache");

  /**
   * The kernel returns EAGAIN if a rename anywhere on the system may have affected the resolution
   * of {@code ..}, and openat2(2) asks to retry. The bound keeps hostile renames from blocking the
   * caller for ever.
   */
  private static final int RESOLVE_ATTEMPTS = 64;

  private Fcntl() {}

  /** Opens a path that is absolute or relative to the working directory: open(2). */
  public static Fd open(LinuxPath path, OpenFlag... flags) throws ErrnoException {
    return openat(Fd.CURRENT_DIRECTORY, path, 0, flags);
  }

  /** Opens an existing file: openat(2). */
  public static Fd openat(Fd directory, LinuxPath path, OpenFlag... flags) throws ErrnoException {
    return openat(directory, path, 0, flags);
  }

  /**
   * Opens or creates a file: openat(2).
   *
   * @param mode the permissions of a new file, before the umask
   */
  public static Fd openat(Fd directory, LinuxPath path, int mode, OpenFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = openBits(flags);
    long result =
        repeat(
            (state, arena) -> (int) OPENAT.invokeExact(state, at, string(path, arena), bits, mode));
    return Fd.opened((int) check("openat", result, directory, path), directory, path);
  }

  /** Opens an existing file: openat2(2), Linux 5.6 or later. */
  public static Fd openat2(
      Fd directory, LinuxPath path, Set<ResolveFlag> resolve, OpenFlag... flags)
      throws ErrnoException {
    return openat2(directory, path, 0, resolve, flags);
  }

  /**
   * Opens or creates a file within the limits of {@code resolve}: openat2(2), Linux 5.6 or later.
   * Unlike openat, it fails with {@code EINVAL} for inconsistent flags and modes.
   *
   * @param mode the permissions of a new file, before the umask; 0 if the call cannot create one
   */
  public static Fd openat2(
      Fd directory, LinuxPath path, int mode, Set<ResolveFlag> resolve, OpenFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    long bits = Integer.toUnsignedLong(openBits(flags));
    long resolveBits = Flags.bits(resolve, flag -> flag.bits);
    boolean again =
        !resolve.contains(ResolveFlag.CACHED)
            && (resolve.contains(ResolveFlag.BENEATH) || resolve.contains(ResolveFlag.IN_ROOT));
    long result = openat2(at, path, mode, bits, resolveBits);
    for (int i = 1; again && result == -Errno.EAGAIN.number() && i < RESOLVE_ATTEMPTS; i++) {
      result = openat2(at, path, mode, bits, resolveBits);
    }
    return Fd.opened((int) check("openat2", result, directory, path), directory, path);
  }

  private static long openat2(int at, LinuxPath path, int mode, long bits, long resolve) {
    return repeat(
        (state, arena) -> {
          MemorySegment how = arena.allocate(Abi.OPEN_HOW);
          how.set(LONG, HOW_FLAGS, bits);
          how.set(LONG, HOW_MODE, mode);
          how.set(LONG, HOW_RESOLVE, resolve);
          return (long)
              OPENAT2.invokeExact(state, (long) at, string(path, arena), how, how.byteSize());
        });
  }

  private static int openBits(OpenFlag[] flags) {
    int bits = Flags.bits(flags, flag -> flag.bits);
    if ((bits & Abi.O_WRONLY) != 0 && (bits & Abi.O_RDWR) != 0) {
      throw new IllegalArgumentException("more than one access mode");
    }
    return bits | Abi.O_CLOEXEC;
  }

  /**
   * Takes an exclusive lock, or fails with {@code EAGAIN} if another process has one: flock(2). It
   * belongs to the open file description and ends when its last descriptor is closed, at the latest
   * at the end of the process.
   */
  public static void flock(Fd file) throws ErrnoException {
    int fd = file.number();
    int bits = Abi.LOCK_EX | Abi.LOCK_NB;
    check("flock", repeat((state, arena) -> (int) FLOCK.invokeExact(state, fd, bits)), file);
  }

  /**
   * fallocate(2). The length must not be 0. {@code EOPNOTSUPP} if the filesystem does not support
   * it.
   */
  public static void fallocate(Fd file, long offset, long length, FallocateFlag... flags)
      throws ErrnoException {
    Ranges.require(offset, length);
    int fd = file.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    check(
        "fallocate",
        repeat((state, arena) -> (int) FALLOCATE.invokeExact(state, fd, bits, offset, length)),
        file);
  }

  /**
   * Starts writeback of pages: sync_file_range(2). Not a barrier: it waits for nothing, writes no
   * metadata and does not flush the disk's cache. A length of 0 means to the end of the file.
   */
  public static void syncFileRange(Fd file, long offset, long length) throws ErrnoException {
    Ranges.require(offset, length);
    int fd = file.number();
    int bits = Abi.SYNC_FILE_RANGE_WRITE;
    check(
        "sync_file_range",
        repeat(
            (state, arena) -> (int) SYNC_FILE_RANGE.invokeExact(state, fd, offset, length, bits)),
        file);
  }

  /**
   * posix_fadvise(2) with {@code POSIX_FADV_DONTNEED}: drops clean, unmapped pages from the page
   * cache. A length of 0 means to the end of the file.
   */
  public static void fadviseDontNeed(Fd file, long offset, long length) throws ErrnoException {
    Ranges.require(offset, length);
    int fd = file.number();
    // It returns the error instead of setting errno.
    long error =
        repeat(
            (state, arena) ->
                (int)
                    POSIX_FADVISE.invokeExact(state, fd, offset, length, Abi.POSIX_FADV_DONTNEED));
    check("posix_fadvise", -error, file);
  }

  /**
   * cachestat(2), Linux 6.5 or later. A length of 0 means to the end of the file.
   *
   * @return the number of the range's pages in the page cache
   */
  public static long cachedPages(Fd file, long offset, long length) throws ErrnoException {
    Ranges.require(offset, length);
    int fd = file.number();
    long[] cached = new long[1];
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment range = arena.allocate(Abi.CACHESTAT_RANGE);
              range.set(LONG, RANGE_OFFSET, offset);
              range.set(LONG, RANGE_LENGTH, length);
              MemorySegment found = arena.allocate(Abi.CACHESTAT);
              long answer = (long) CACHESTAT.invokeExact(state, fd, range, found, 0);
              cached[0] = found.get(LONG, STAT_CACHED);
              return answer;
            });
    check("cachestat", result, file);
    return cached[0];
  }
}
