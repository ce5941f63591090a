package io.gatun.server.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A program that makes the kernel answer some system calls with EPERM, like the seccomp(2) profiles
 * of container runtimes, and then executes another program. It is compiled on first use.
 */
final class SystemCallFilter {

  static final int IO_URING_SETUP = 425;
  static final int TIMERFD_CREATE = 283;

  private static final String SOURCE =
      """
      #include <errno.h>
      #include <linux/filter.h>
      #include <linux/seccomp.h>
      #include <stddef.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <sys/prctl.h>
      #include <unistd.h>

      /* usage: filter NUMBER... -- PROGRAM [ARGUMENT...] */
      int main(int argc, char **argv) {
        struct sock_filter code[64];
        unsigned short length = 0;
        int i = 1;
        code[length++] = (struct sock_filter)
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        for (; i < argc && argv[i][0] != '-'; i++) {
          code[length++] = (struct sock_filter)
              BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(argv[i]), 0, 1);
          code[length++] = (struct sock_filter)
              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        }
        code[length++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = {length, code};
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
          perror("seccomp");
          return 125;
        }
        execvp(argv[i + 1], argv + i + 1);
        perror(argv[i + 1]);
        return 126;
      }
      """;

  private SystemCallFilter() {}

  /**
   * {@return the beginning of a command, to be followed by a program}
   *
   * @param directory a directory for the program
   */
  static String[] refusing(Path directory, int... systemCalls) {
    try {
      Path source = Files.createTempFile(directory, "filter", ".c");
      Files.writeString(source, SOURCE);
      Path program = directory.resolve("filter");
      Commands.run("cc", "-O1", "-Wall", "-Werror", "-o", program.toString(), source.toString());
      List<String> command = new ArrayList<>(List.of(program.toString()));
      for (int number : systemCalls) {
        command.add(Integer.toString(number));
      }
      command.add("--");
      return command.toArray(String[]::new);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
