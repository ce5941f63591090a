package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import net.openhft.posix.internal.PosixAPIHolder;
import net.openhft.posix.internal.noop.NoOpPosixAPI;

/**
 * Chronicle Map's system calls, made through Gatun's own bindings.
 *
 * <p>Chronicle's four native-access libraries generate code at run time, unpack a native library
 * into the temporary directory and start a process; the distribution omits them. For a map in a
 * file of fixed size, Chronicle only calls fallocate(2).
 */
final class ChroniclePosix extends NoOpPosixAPI {

  private static final int DONE = 0;
  private static final int FAILED = -1;

  private ChroniclePosix() {
    super("Gatun does not use it");
  }

  /** Must be called before the first map is opened. */
  static void install() {
    PosixAPIHolder.POSIX_API = new ChroniclePosix();
  }

  /** Reserves blocks, without which a full disk would cause a SIGBUS. */
  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    try (Fd file = Fcntl.open(LinuxPath.of("/proc/self/fd/" + fd), OpenFlag.READ_WRITE)) {
      Fcntl.fallocate(file, offset, length);
      return DONE;
    } catch (ErrnoException e) {
      return FAILED;
    }
  }
}
