package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.Unistd;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The mount namespaces that processes are in, {@code mount_namespaces(7)}. One that no process is
 * in, but that somebody keeps by a file, is not found.
 */
final class MountNamespaces {

  private static final LinuxPath OWN = LinuxPath.of("/proc/thread-self/ns/mnt");

  private MountNamespaces() {}

  /** What is done with each. */
  @FunctionalInterface
  interface Visitor {
    /**
     * @param pid of the process that has been in it for longest
     * @param mounts that are in it, as this process sees them
     */
    void visit(long pid, List<MountEntry> mounts);
  }

  /**
   * Visits all but that of the caller. Those of processes that end meanwhile, or that nobody may
   * look at, are left out.
   */
  static void visitOthers(Visitor visitor) throws ErrnoException {
    Set<LinuxPath> seen = new HashSet<>();
    seen.add(Unistd.readlinkat(Fd.CURRENT_DIRECTORY, OWN));
    // The number of the oldest process is mostly the smallest.
    for (long pid : ProcessHandle.allProcesses().mapToLong(ProcessHandle::pid).sorted().toArray()) {
      try {
        LinuxPath namespace =
            Unistd.readlinkat(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc/" + pid + "/ns/mnt"));
        if (!seen.contains(namespace)) {
          List<MountEntry> mounts = MountTable.ofProcess(pid);
          // Only now: if the process has ended, another one may be in it.
          seen.add(namespace);
          visitor.visit(pid, mounts);
        }
      } catch (ErrnoException e) {
        if (!isPassedOver(e.errno())) {
          throw e;
        }
      }
    }
  }

  /** It has ended, or ends, or is not ours to look at. */
  private static boolean isPassedOver(Errno errno) {
    return switch (errno) {
      case ENOENT, ESRCH, EINVAL, EACCES, EPERM -> true;
      default -> false;
    };
  }
}
