package io.gatun.cli;

import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What commands print, and whether it got there: a list that a full disk has cut short looks like a
 * whole one. {@link System#out} would know that something failed, but not what.
 */
final class StandardOutput {

  /** As a shell reports a program that ended since nobody read on, 128 and SIGPIPE (bash(1)). */
  private static final int NOBODY_READS = 128 + 13;

  private static final int FAILED = 1;

  /** {@code strerror(3)} of EPIPE; the JDK has neither number nor name of it. */
  private static final String BROKEN_PIPE = "Broken pipe";

  private final PrintWriter writer;
  private @Nullable IOException failure;

  StandardOutput() {
    this(new FileOutputStream(FileDescriptor.out));
  }

  StandardOutput(OutputStream to) {
    OutputStream watched =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
          }

          @Override
          public void write(byte[] bytes, int offset, int length) throws IOException {
            try {
              to.write(bytes, offset, length);
            } catch (IOException e) {
              if (failure == null) {
                failure = e;
              }
              throw e;
            }
          }
        };
    this.writer =
        new PrintWriter(
            new BufferedWriter(new OutputStreamWriter(watched, System.out.charset())), true);
  }

  PrintWriter writer() {
    return writer;
  }

  /**
   * Says on stderr why something that was printed did not get there, unless nobody wanted to read
   * it.
   *
   * @param exitCode of the command
   * @return the exit code of the program
   */
  int end(int exitCode, PrintWriter err) {
    writer.flush();
    Optional<String> reason = Optional.ofNullable(failure).map(Throwable::getMessage);
    if (reason.isEmpty()) {
      return exitCode;
    }
    boolean isWanted = !reason.get().equals(BROKEN_PIPE);
    if (isWanted) {
      err.println("gatun: cannot write to stdout: " + reason.get());
      err.flush();
    }
    return exitCode != 0 ? exitCode : isWanted ? FAILED : NOBODY_READS;
  }
}
