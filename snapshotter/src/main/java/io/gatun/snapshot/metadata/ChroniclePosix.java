package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import net.openhft.posix.internal.PosixAPIHolder;
import net.openhft.posix.internal.noop.NoOpPosixAPI;

/**
 * The kernel, as far as Chronicle Map has to call it: by our own bindings.
 *
 * <p>The library brings four others for that, which generate code at run time, unpack a native
 * library into the temporary directory and start a process; they are left out of the distribution.
 * All that it calls for a map in a file of fixed size is fallocate(2).
 */
final class ChroniclePosix extends NoOpPosixAPI {

  private static final int DONE = 0;
  private static final int FAILED = -1;

  private ChroniclePosix() {
    super("since Gatun has no use for it");
  }

  /** Has to be called before the first map is opened. */
  static void install() {
    PosixAPIHolder.POSIX_API = new ChroniclePosix();
  }

  /** Reserves blocks, without which a full disk would show as a SIGBUS. */
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
