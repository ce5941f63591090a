package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.string;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Flags;
import io.gatun.linux.LinuxPath;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * Names and content of files: {@code unistd.h}, with {@code renameat2} from {@code stdio.h}.
 *
 * <p>Every path is relative to the directory before it. Offsets and lengths are in bytes; negative
 * ones throw {@link IllegalArgumentException}. Buffers are read or filled from their position to
 * their limit, and their position moves; direct buffers are not copied.
 */
public final class Unistd {

  /** How renameat2(2) treats the new name. Without a flag, it replaces an existing one. */
  public enum RenameFlag {
    /** Fails with {@code EEXIST} if the name is taken. */
    NO_REPLACE(Abi.RENAME_NOREPLACE),
    /** Swaps two existing names. */
    EXCHANGE(Abi.RENAME_EXCHANGE),
    /** Leaves an overlay whiteout at the old name. */
    WHITEOUT(Abi.RENAME_WHITEOUT);

    final int bits;

    RenameFlag(int bits) {
      this.bits = bits;
    }
  }

  private static final MethodHandle UNLINKAT = function("unlinkat", INT, INT, POINTER, INT);
  private static final MethodHandle RENAMEAT2 =
      function("renameat2", INT, INT, POINTER, INT, POINTER, INT);
  private static final MethodHandle LINKAT =
      function("linkat", INT, INT, POINTER, INT, POINTER, INT);
  private static final MethodHandle SYMLINKAT = function("symlinkat", INT, POINTER, INT, POINTER);
  private static final MethodHandle READLINKAT =
      function("readlinkat", LONG, INT, POINTER, POINTER, LONG);
  private static final MethodHandle FCHOWN = function("fchown", INT, INT, INT, INT);
  private static final MethodHandle FCHOWNAT =
      function("fchownat", INT, INT, POINTER, INT, INT, INT);
  private static final MethodHandle READ = function("read", LONG, INT, POINTER, LONG);
  private static final MethodHandle WRITE = function("write", LONG, INT, POINTER, LONG);
  private static final MethodHandle PREAD = function("pread", LONG, INT, POINTER, LONG, LONG);
  private static final MethodHandle PWRITE = function("pwrite", LONG, INT, POINTER, LONG, LONG);
  private static final MethodHandle COPY_FILE_RANGE =
      function("copy_file_range", LONG, INT, POINTER, INT, POINTER, LONG, INT);
  private static final MethodHandle LSEEK = function("lseek", LONG, INT, LONG, INT);
  private static final MethodHandle FTRUNCATE = function("ftruncate", INT, INT, LONG);
  private static final MethodHandle FSYNC = function("fsync", INT, INT);
  private static final MethodHandle FDATASYNC = function("fdatasync", INT, INT);
  private static final MethodHandle SYNCFS = function("syncfs", INT, INT);
  private static final MethodHandle GETEUID = function("geteuid", INT);
  private static final MethodHandle GETEGID = function("getegid", INT);

  /** Enough for nearly all symbolic links; longer targets take a second call. */
  private static final int SHORT_TARGET_BYTES = 256;

  private Unistd() {}

  // Names.

  /**
   * unlinkat(2). Removes a directory only with {@link AtFlag#REMOVE_DIRECTORY}, and other types
   * only without.
   */
  public static void unlinkat(Fd directory, LinuxPath name, AtFlag... flags) throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat((state, arena) -> (int) UNLINKAT.invokeExact(state, at, string(name, arena), bits));
    check("unlinkat", result, directory, name);
  }

  /** renameat2(2). Does not follow symbolic links. */
  public static void renameat2(
      Fd fromDirectory, LinuxPath from, Fd toDirectory, LinuxPath to, RenameFlag... flags)
      throws ErrnoException {
    int fromAt = fromDirectory.number();
    int toAt = toDirectory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat(
            (state, arena) ->
                (int)
                    RENAMEAT2.invokeExact(
                        state, fromAt, string(from, arena), toAt, string(to, arena), bits));
    check("renameat2", result, fromDirectory, from, toDirectory, to);
  }

  /**
   * linkat(2). Links to a symbolic link itself, unless with {@link AtFlag#SYMLINK_FOLLOW}. With
   * {@link AtFlag#EMPTY_PATH} and an empty {@code from}, links to the open file.
   */
  public static void linkat(
      Fd fromDirectory, LinuxPath from, Fd toDirectory, LinuxPath to, AtFlag... flags)
      throws ErrnoException {
    int fromAt = fromDirectory.number();
    int toAt = toDirectory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat(
            (state, arena) ->
                (int)
                    LINKAT.invokeExact(
                        state, fromAt, string(from, arena), toAt, string(to, arena), bits));
    check("linkat", result, fromDirectory, from, toDirectory, to);
  }

  /** symlinkat(2). The target is stored unchanged. */
  public static void symlinkat(LinuxPath target, Fd directory, LinuxPath name)
      throws ErrnoException {
    int at = directory.number();
    long result =
        repeat(
            (state, arena) ->
                (int) SYMLINKAT.invokeExact(state, string(target, arena), at, string(name, arena)));
    check("symlinkat", result, directory, name);
  }

  /**
   * {@return the target of a symbolic link: readlinkat(2)} An empty name means a descriptor opened
   * with {@link OpenFlag#PATH} and {@link OpenFlag#NO_FOLLOW}.
   */
  public static LinuxPath readlinkat(Fd directory, LinuxPath name) throws ErrnoException {
    byte[] target = readlinkat(directory, name, SHORT_TARGET_BYTES);
    // A full buffer may be truncated. Targets are limited to PATH_MAX including NUL.
    return LinuxPath.wrap(
        target.length < SHORT_TARGET_BYTES ? target : readlinkat(directory, name, Abi.PATH_MAX));
  }

  private static byte[] readlinkat(Fd directory, LinuxPath name, int capacity)
      throws ErrnoException {
    int at = directory.number();
    byte[] target = new byte[capacity];
    long length =
        repeat(
            (state, arena) -> {
              MemorySegment buffer = arena.allocate(capacity);
              long filled =
                  (long)
                      READLINKAT.invokeExact(
                          state, at, string(name, arena), buffer, (long) capacity);
              if (filled > 0) {
                MemorySegment.copy(
                    buffer, ValueLayout.JAVA_BYTE, 0, target, 0, Math.toIntExact(filled));
              }
              return filled;
            });
    check("readlinkat", length, directory, name);
    return Arrays.copyOf(target, Math.toIntExact(length));
  }

  // Owners.

  /** fchown(2). Owner and group are unsigned; -1 means unchanged. */
  public static void fchown(Fd file, int uid, int gid) throws ErrnoException {
    int fd = file.number();
    check("fchown", repeat((state, arena) -> (int) FCHOWN.invokeExact(state, fd, uid, gid)), file);
  }

  /**
   * fchownat(2). Like {@link #fchown}; follows a symbolic link unless {@link
   * AtFlag#SYMLINK_NOFOLLOW}.
   */
  public static void fchownat(Fd directory, LinuxPath name, int uid, int gid, AtFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat(
            (state, arena) ->
                (int) FCHOWNAT.invokeExact(state, at, string(name, arena), uid, gid, bits));
    check("fchownat", result, directory, name);
  }

  // Content.

  /** {@return the number of bytes that read(2) put into the buffer, 0 at the end of the file} */
  public static int read(Fd file, ByteBuffer buffer) throws ErrnoException {
    int fd = file.number();
    long result =
        Buffers.fill(
            buffer,
            (state, memory) -> (long) READ.invokeExact(state, fd, memory, memory.byteSize()));
    return (int) check("read", result, file);
  }

  /** {@return the number of bytes that write(2) took from the buffer, possibly not all} */
  public static int write(Fd file, ByteBuffer buffer) throws ErrnoException {
    int fd = file.number();
    long result =
        Buffers.drain(
            buffer,
            (state, memory) -> (long) WRITE.invokeExact(state, fd, memory, memory.byteSize()));
    return (int) check("write", result, file);
  }

  /** {@return the number of bytes that pread(2) put into the buffer, 0 at the end of the file} */
  public static int pread(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    Ranges.requireOffset(offset);
    int fd = file.number();
    long result =
        Buffers.fill(
            buffer,
            (state, memory) ->
                (long) PREAD.invokeExact(state, fd, memory, memory.byteSize(), offset));
    return (int) check("pread", result, file);
  }

  /** {@return the number of bytes that pwrite(2) took from the buffer, possibly not all} */
  public static int pwrite(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    Ranges.requireOffset(offset);
    int fd = file.number();
    long result =
        Buffers.drain(
            buffer,
            (state, memory) ->
                (long) PWRITE.invokeExact(state, fd, memory, memory.byteSize(), offset));
    return (int) check("pwrite", result, file);
  }

  /**
   * {@return the number of bytes that copy_file_range(2) copied, 0 at the end of the source} {@code
   * EXDEV} between filesystems and {@code EOPNOTSUPP} or {@code EINVAL} for files that do not
   * support it.
   */
  public static long copyFileRange(
      Fd source, long sourceOffset, Fd target, long targetOffset, long length)
      throws ErrnoException {
    Ranges.require(sourceOffset, length);
    Ranges.requireOffset(targetOffset);
    int in = source.number();
    int out = target.number();
    long result =
        repeat(
            (state, arena) ->
                (long)
                    COPY_FILE_RANGE.invokeExact(
                        state,
                        in,
                        arena.allocateFrom(LONG, sourceOffset),
                        out,
                        arena.allocateFrom(LONG, targetOffset),
                        length,
                        0));
    return check("copy_file_range", result, source, LinuxPath.EMPTY, target, LinuxPath.EMPTY);
  }

  /**
   * {@return the start of the next data at or after an offset: lseek(2) with SEEK_DATA; empty if
   * only a hole follows} Moves the position of the descriptor. Without support for holes, a
   * filesystem reports only data.
   */
  public static OptionalLong seekData(Fd file, long offset) throws ErrnoException {
    return seek(file, offset, Abi.SEEK_DATA);
  }

  /**
   * {@return the start of the next hole at or after an offset, or the end of the file: lseek(2)
   * with SEEK_HOLE; empty if the offset is at or beyond the end} Moves the position of the
   * descriptor.
   */
  public static OptionalLong seekHole(Fd file, long offset) throws ErrnoException {
    return seek(file, offset, Abi.SEEK_HOLE);
  }

  private static OptionalLong seek(Fd file, long offset, int whence) throws ErrnoException {
    Ranges.requireOffset(offset);
    long result = lseek(file, offset, whence);
    if (result == -Errno.ENXIO.number()) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(check("lseek", result, file));
  }

  /** Moves the read position to the beginning: lseek(2). */
  public static void rewind(Fd file) throws ErrnoException {
    check("lseek", lseek(file, 0, Abi.SEEK_SET), file);
  }

  private static long lseek(Fd file, long offset, int whence) {
    int fd = file.number();
    return repeat((state, arena) -> (long) LSEEK.invokeExact(state, fd, offset, whence));
  }

  /** ftruncate(2). Added space reads as zeros and is a hole. */
  public static void ftruncate(Fd file, long sizeBytes) throws ErrnoException {
    Ranges.requireOffset(sizeBytes);
    int fd = file.number();
    check(
        "ftruncate",
        repeat((state, arena) -> (int) FTRUNCATE.invokeExact(state, fd, sizeBytes)),
        file);
  }

  // Durability.

  /**
   * fsync(2) of a file or a directory. After {@code EIO}, {@code ENOSPC} or {@code EDQUOT} the
   * kernel has dropped the unwritten data, and the next fsync succeeds: nothing written since the
   * last success can be trusted.
   */
  public static void fsync(Fd file) throws ErrnoException {
    int fd = file.number();
    check("fsync", repeat((state, arena) -> (int) FSYNC.invokeExact(state, fd)), file);
  }

  /** fdatasync(2): the content and the metadata needed to read it. Fails like {@link #fsync}. */
  public static void fdatasync(Fd file) throws ErrnoException {
    int fd = file.number();
    check("fdatasync", repeat((state, arena) -> (int) FDATASYNC.invokeExact(state, fd)), file);
  }

  /**
   * syncfs(2) of the descriptor's filesystem. Since Linux 5.8 it reports failed writes, each once
   * for every descriptor that was open at the time.
   */
  public static void syncfs(Fd any) throws ErrnoException {
    int fd = any.number();
    check("syncfs", repeat((state, arena) -> (int) SYNCFS.invokeExact(state, fd)), any);
  }

  // Identity.

  /** {@return the effective user of this thread, unsigned: geteuid(2)} */
  public static int geteuid() {
    return (int) repeat((state, arena) -> (int) GETEUID.invokeExact(state) & 0xffff_ffffL);
  }

  /** {@return the effective group of this thread, unsigned: getegid(2)} */
  public static int getegid() {
    return (int) repeat((state, arena) -> (int) GETEGID.invokeExact(state) & 0xffff_ffffL);
  }
}
