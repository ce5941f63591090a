package io.gatun.linux.file;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;

/**
 * Paths of open files, and of names in open directories, for calls that only take paths: through
 * the links of {@code proc(5)} for descriptors. A link leads to the open file itself, even after a
 * move. Needs /proc; without it, calls fail with {@code ENOENT}.
 */
final class ProcFd {

  private static final String DIRECTORY = "/proc/self/fd/";

  private ProcFd() {}

  static LinuxPath of(Fd file) {
    return file == Fd.CURRENT_DIRECTORY
        ? LinuxPath.of(".")
        : LinuxPath.of(DIRECTORY + file.number());
  }

  static LinuxPath of(Fd directory, LinuxPath name) {
    return directory == Fd.CURRENT_DIRECTORY ? name : of(directory).resolve(name);
  }
}
