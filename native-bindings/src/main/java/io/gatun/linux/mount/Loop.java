package io.gatun.linux.mount;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.variadic;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Loop devices, which present a file as a block device: {@code linux/loop.h}, {@code loop(4)}.
 *
 * <p>They belong to the machine, not to a mount namespace. Devices configured here are read-only
 * and are released when their last descriptor is closed and their last filesystem is unmounted; a
 * killed process leaves none behind.
 */
public final class Loop {

  /**
   * The file of a loop device: {@code struct loop_info64}, {@code loop(4)}.
   *
   * @param device the file's filesystem, as in {@link FileStatus#device}
   * @param inode the file's inode number
   * @param readOnly whether the device is read-only
   * @param autoClear whether the device is released after its last use
   * @param directIo whether it bypasses the page cache of the file
   */
  public record LoopStatus(
      long device, long inode, boolean readOnly, boolean autoClear, boolean directIo) {

    /** {@return whether this is the file of the device} */
    public boolean shows(FileStatus file) {
      return device == file.device() && inode == file.inode();
    }
  }

  private static final MethodHandle IOCTL_NONE = variadic("ioctl", 2, INT, INT, LONG);
  private static final MethodHandle IOCTL_POINTER = variadic("ioctl", 2, INT, INT, LONG, POINTER);

  private static final LinuxPath CONTROL = LinuxPath.of("/dev/loop-control");

  private static final long FD = offset(Abi.LOOP_CONFIG, "fd");
  private static final long BLOCK_SIZE = offset(Abi.LOOP_CONFIG, "block_size");
  private static final long INFO = offset(Abi.LOOP_CONFIG, "info");
  private static final long FLAGS = offset(Abi.LOOP_INFO64, "lo_flags");
  private static final long DEVICE = offset(Abi.LOOP_INFO64, "lo_device");
  private static final long INODE = offset(Abi.LOOP_INFO64, "lo_inode");

  /** LOOP_MAJOR of linux/major.h. */
  private static final int MAJOR = 7;

  /**
   * How often another process may take the free device first. Since each failure is another's
   * success, the bound is not reached in practice.
   */
  private static final int ATTEMPTS = 64;

  private Loop() {}

  /**
   * {@return the number of a device that is free now, but may be taken at any time:
   * LOOP_CTL_GET_FREE} On a devtmpfs, the node {@code /dev/loopN} exists.
   */
  public static int getFree(Fd control) throws ErrnoException {
    int fd = control.number();
    long result =
        repeat((state, arena) -> (int) IOCTL_NONE.invokeExact(state, fd, Abi.LOOP_CTL_GET_FREE));
    return (int) check("LOOP_CTL_GET_FREE", result, control);
  }

  /**
   * Configures a device to present a file, read-only, until it is not open any more:
   * LOOP_CONFIGURE, Linux 5.8. An incomplete block of 512 bytes at the end of the file is not
   * visible.
   *
   * @param device open
   * @param file open for reading
   * @param blockBytes a power of two, from 512 to the size of a page
   * @param directIo whether to bypass the page cache of the file; the kernel ignores it if the
   *     file's filesystem requires larger blocks
   * @throws ErrnoException with {@code EBUSY} if the device already has a file
   */
  public static void configure(Fd device, Fd file, int blockBytes, boolean directIo)
      throws ErrnoException {
    int at = device.number();
    int shown = file.number();
    int flags =
        Abi.LO_FLAGS_READ_ONLY | Abi.LO_FLAGS_AUTOCLEAR | (directIo ? Abi.LO_FLAGS_DIRECT_IO : 0);
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment configuration = arena.allocate(Abi.LOOP_CONFIG);
              configuration.set(INT, FD, shown);
              configuration.set(INT, BLOCK_SIZE, blockBytes);
              configuration.set(INT, INFO + FLAGS, flags);
              return (int) IOCTL_POINTER.invokeExact(state, at, Abi.LOOP_CONFIGURE, configuration);
            });
    check("LOOP_CONFIGURE", result, file, LinuxPath.EMPTY, device, LinuxPath.EMPTY);
  }

  /**
   * {@return the file of a device: LOOP_GET_STATUS64} {@code ENXIO} if it has none.
   *
   * @param device open
   */
  public static LoopStatus status(Fd device) throws ErrnoException {
    int at = device.number();
    long[] numbers = new long[3];
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment info = arena.allocate(Abi.LOOP_INFO64);
              int returned =
                  (int) IOCTL_POINTER.invokeExact(state, at, Abi.LOOP_GET_STATUS64, info);
              numbers[0] = info.get(LONG, DEVICE);
              numbers[1] = info.get(LONG, INODE);
              numbers[2] = info.get(INT, FLAGS);
              return returned;
            });
    check("LOOP_GET_STATUS64", result, device);
    int flags = (int) numbers[2];
    return new LoopStatus(
        FileStatus.device(major(numbers[0]), minor(numbers[0])),
        numbers[1],
        (flags & Abi.LO_FLAGS_READ_ONLY) != 0,
        (flags & Abi.LO_FLAGS_AUTOCLEAR) != 0,
        (flags & Abi.LO_FLAGS_DIRECT_IO) != 0);
  }

  /** linux/kdev_t.h: the reverse of huge_encode_dev, which is new_encode_dev. */
  private static int major(long device) {
    return (int) ((device & 0xfff00) >> 8);
  }

  private static int minor(long device) {
    return (int) ((device & 0xff) | ((device >> 12) & 0xfff00));
  }

  /**
   * {@return a free device, open and configured with {@link #configure}; it lasts until it is
   * closed and its last filesystem is unmounted}
   */
  public static Fd attach(Fd file, int blockBytes, boolean directIo) throws ErrnoException {
    try (Fd control = Fcntl.open(CONTROL, OpenFlag.READ_WRITE)) {
      for (int attempt = 1; ; attempt++) {
        Fd device = Fcntl.open(path(getFree(control)), OpenFlag.READ_ONLY);
        boolean isAttached = false;
        try {
          configure(device, file, blockBytes, directIo);
          isAttached = true;
          return device;
        } catch (ErrnoException e) {
          if (!e.is(Errno.EBUSY) || attempt == ATTEMPTS) {
            throw e;
          }
        } finally {
          if (!isAttached) {
            device.close();
          }
        }
      }
    }
  }

  /**
   * {@return the device node of a filesystem, if it is on a loop device}
   *
   * @param device the filesystem's device, as in {@link FileStatus#device}
   */
  public static Optional<LinuxPath> nodeOf(long device) throws ErrnoException {
    if (device != FileStatus.device(MAJOR, minor(device))) {
      return Optional.empty();
    }
    // With partitions, the device number is a multiple of the number in the name.
    String entry =
        Unistd.readlinkat(
                Fd.CURRENT_DIRECTORY, LinuxPath.of("/sys/dev/block/" + MAJOR + ":" + minor(device)))
            .toString();
    return Optional.of(LinuxPath.of("/dev" + entry.substring(entry.lastIndexOf('/'))));
  }

  public static LinuxPath path(int number) {
    return LinuxPath.of("/dev/loop" + number);
  }
}
