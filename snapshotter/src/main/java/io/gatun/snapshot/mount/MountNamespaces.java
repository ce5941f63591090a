package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * The mount namespaces of processes, {@code mount_namespaces(7)}. A namespace without processes,
 * kept alive by a file, is not found.
 */
final class MountNamespaces {

  private static final LinuxPath OWN = LinuxPath.of("/proc/thread-self/ns/mnt");

  private MountNamespaces() {}

  /**
   * Visits all namespaces but the caller's. Skips processes that end meanwhile or that may not be
   * inspected.
   *
   * @param visitor gets the pid of the oldest process in each, and the mounts that it sees
   */
  static void visitOthers(BiConsumer<Long, List<MountEntry>> visitor) throws ErrnoException {
    Set<LinuxPath> seen = new HashSet<>();
    seen.add(Unistd.readlinkat(Fd.CURRENT_DIRECTORY, OWN));
    // The oldest process usually has the smallest number.
    for (long pid : ProcessHandle.allProcesses().mapToLong(ProcessHandle::pid).sorted().toArray()) {
      try {
        LinuxPath namespace =
            Unistd.readlinkat(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc/" + pid + "/ns/mnt"));
        if (!seen.contains(namespace)) {
          List<MountEntry> mounts = MountTable.ofProcess(pid);
          // Only now: if the process has ended, another one may be in the same namespace.
          seen.add(namespace);
          visitor.accept(pid, mounts);
        }
      } catch (ErrnoException e) {
        if (!isPassedOver(e.errno())) {
          throw e;
        }
      }
    }
  }

  /** The process has ended or may not be inspected. */
  private static boolean isPassedOver(Errno errno) {
    return switch (errno) {
      case ENOENT, ESRCH, EINVAL, EACCES, EPERM -> true;
      default -> false;
    };
  }
}
