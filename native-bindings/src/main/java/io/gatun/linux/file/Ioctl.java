package io.gatun.linux.file;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.variadic;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Flags;
import io.gatun.linux.LinuxPath;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;

/** Requests about an open file: {@code linux/fs.h}, through ioctl(2). */
public final class Ioctl {

  /** Attributes of {@code chattr(1)}: the flags of FS_IOC_GETFLAGS, {@code ioctl_iflags(2)}. */
  public enum InodeFlag {
    SYNC(Abi.FS_SYNC_FL),
    IMMUTABLE(Abi.FS_IMMUTABLE_FL),
    APPEND_ONLY(Abi.FS_APPEND_FL),
    NO_DUMP(Abi.FS_NODUMP_FL),
    NO_ACCESS_TIME(Abi.FS_NOATIME_FL),
    /** On ext4: the subdirectories are unrelated and spread over the disk. */
    TOP_OF_HIERARCHIES(Abi.FS_TOPDIR_FL),
    /** Maintained by the filesystem: the content is protected by fs-verity. */
    VERITY(Abi.FS_VERITY_FL),
    /**
     * On btrfs: overwritten in place, which prevents sharing blocks with a file without this flag.
     */
    NO_COPY_ON_WRITE(Abi.FS_NOCOW_FL);

    final int bits;

    InodeFlag(int bits) {
      this.bits = bits;
    }
  }

  private static final MethodHandle IOCTL_VALUE = variadic("ioctl", 2, INT, INT, LONG, INT);
  private static final MethodHandle IOCTL_POINTER = variadic("ioctl", 2, INT, INT, LONG, POINTER);

  private static final long UUID_OFFSET = offset(Abi.FSUUID2, "uuid");

  private static final long VERITY_VERSION = offset(Abi.FSVERITY_ENABLE_ARG, "version");
  private static final long VERITY_ALGORITHM = offset(Abi.FSVERITY_ENABLE_ARG, "hash_algorithm");
  private static final long VERITY_BLOCK_SIZE = offset(Abi.FSVERITY_ENABLE_ARG, "block_size");

  /** Supported by every filesystem with fs-verity. */
  private static final int VERITY_BLOCK_BYTES = 4096;

  private Ioctl() {}

  /**
   * Makes the target share all blocks of the source: ioctl_ficlone(2). {@code EOPNOTSUPP} if the
   * filesystem does not support it (ext4), {@code EXDEV} between filesystems, {@code EINVAL} for
   * example if only one of the two is {@link InodeFlag#NO_COPY_ON_WRITE}.
   */
  public static void ficlone(Fd target, Fd source) throws ErrnoException {
    int to = target.number();
    int from = source.number();
    long result =
        repeat((state, arena) -> (int) IOCTL_VALUE.invokeExact(state, to, Abi.FICLONE, from));
    check("FICLONE", result, source, LinuxPath.EMPTY, target, LinuxPath.EMPTY);
  }

  /**
   * {@return the inode flags that have a name here: FS_IOC_GETFLAGS, ioctl_iflags(2)} {@code
   * ENOTTY} if the filesystem has none.
   */
  public static Set<InodeFlag> inodeFlags(Fd file) throws ErrnoException {
    int bits = getFlags(file);
    Set<InodeFlag> flags = EnumSet.noneOf(InodeFlag.class);
    for (InodeFlag flag : InodeFlag.values()) {
      if ((bits & flag.bits) != 0) {
        flags.add(flag);
      }
    }
    return flags;
  }

  /**
   * Sets some inode flags and clears others; the rest, named here or not, stays: FS_IOC_SETFLAGS,
   * ioctl_iflags(2). {@code EOPNOTSUPP} for a flag that the filesystem does not support.
   */
  public static void changeInodeFlags(Fd file, Set<InodeFlag> set, Set<InodeFlag> clear)
      throws ErrnoException {
    int before = getFlags(file);
    int after =
        (before & ~Flags.bits(clear, flag -> flag.bits)) | Flags.bits(set, flag -> flag.bits);
    if (after == before) {
      return;
    }
    int fd = file.number();
    long result =
        repeat(
            (state, arena) ->
                (int)
                    IOCTL_POINTER.invokeExact(
                        state, fd, Abi.FS_IOC_SETFLAGS, arena.allocateFrom(LONG, after)));
    check("FS_IOC_SETFLAGS", result, file);
  }

  /**
   * Computes hashes of a file's content, against which the kernel checks every later read:
   * FS_IOC_ENABLE_VERITY, fsverity.rst of the kernel. The file becomes read-only, and reading a
   * corrupted page fails with {@code EIO}. {@code EOPNOTSUPP} or {@code ENOTTY} if the filesystem
   * or the kernel does not support it, {@code ETXTBSY} while the file is open for writing.
   *
   * @param file open for reading only
   */
  public static void enableVerity(Fd file) throws ErrnoException {
    int fd = file.number();
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment argument = arena.allocate(Abi.FSVERITY_ENABLE_ARG);
              argument.set(INT, VERITY_VERSION, 1);
              argument.set(INT, VERITY_ALGORITHM, Abi.FS_VERITY_HASH_ALG_SHA256);
              argument.set(INT, VERITY_BLOCK_SIZE, VERITY_BLOCK_BYTES);
              return (int) IOCTL_POINTER.invokeExact(state, fd, Abi.FS_IOC_ENABLE_VERITY, argument);
            });
    check("FS_IOC_ENABLE_VERITY", result, file);
  }

  /**
   * {@return the UUID of a file's filesystem: FS_IOC_GETFSUUID of linux/fs.h} {@code ENOTTY} if the
   * filesystem has none, and before Linux 6.9.
   *
   * @param file open, not with {@link OpenFlag#PATH}
   */
  public static UUID filesystemUuid(Fd file) throws ErrnoException {
    int fd = file.number();
    byte[] uuid = new byte[2 * Long.BYTES];
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment answer = arena.allocate(Abi.FSUUID2);
              int returned =
                  (int) IOCTL_POINTER.invokeExact(state, fd, Abi.FS_IOC_GETFSUUID, answer);
              // A shorter UUID is padded with zeros.
              answer.asSlice(UUID_OFFSET, uuid.length).asByteBuffer().get(uuid);
              return returned;
            });
    check("FS_IOC_GETFSUUID", result, file);
    ByteBuffer halves = ByteBuffer.wrap(uuid);
    return new UUID(halves.getLong(), halves.getLong());
  }

  /** The request is defined with long, but the kernel reads and writes an int. */
  private static int getFlags(Fd file) throws ErrnoException {
    int fd = file.number();
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment bits = arena.allocate(LONG);
              int returned = (int) IOCTL_POINTER.invokeExact(state, fd, Abi.FS_IOC_GETFLAGS, bits);
              return returned < 0 ? returned : Integer.toUnsignedLong(bits.get(INT, 0));
            });
    return (int) check("FS_IOC_GETFLAGS", result, file);
  }
}
