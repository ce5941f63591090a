package io.gatun.linux;

/**
 * The way to an open file, or to a name in an open directory, for the calls that take only a path:
 * through the link that {@code proc(5)} has for each descriptor. It names the very file that is
 * open, wherever that was moved. Needs /proc; without it, calls fail with {@code ENOENT}.
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
