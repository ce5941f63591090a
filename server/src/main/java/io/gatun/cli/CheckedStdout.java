package io.gatun.cli;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Unistd;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What commands print, and whether it got there: a list that a full disk has cut short looks like a
 * whole one. {@link System#out} would know that something failed, but not what.
 */
final class CheckedStdout {

  /** As a shell reports a program that ended since nobody read on, 128 and SIGPIPE (bash(1)). */
  private static final int NOBODY_READS = 128 + 13;

  private static final int FAILED = 1;
  private static final int BUFFER_BYTES = 8 << 10;

  private final PrintWriter writer;
  private @Nullable ErrnoException failure;

  CheckedStdout() {
    this(Fd.STANDARD_OUTPUT);
  }

  /**
   * @param file that is written to, and stays open
   */
  CheckedStdout(Fd file) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    OutputStream watched =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
          }

          @Override
          public void write(byte[] bytes, int offset, int length) throws IOException {
            // What came after a gap would look as if it belonged to what is before it.
            int written = failure == null ? 0 : length;
            while (written < length) {
              int next = Math.min(length - written, BUFFER_BYTES);
              buffer.clear().put(bytes, offset + written, next).flip();
              writeAll(file, buffer);
              written += next;
            }
          }
        };
    this.writer =
        new PrintWriter(
            new BufferedWriter(new OutputStreamWriter(watched, System.out.charset())), true);
  }

  private void writeAll(Fd file, ByteBuffer buffer) throws ErrnoException {
    try {
      while (buffer.hasRemaining()) {
        var _ = Unistd.write(file, buffer);
      }
    } catch (ErrnoException e) {
      if (failure == null) {
        failure = e;
      }
      throw e;
    }
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
    ErrnoException reason = failure;
    if (reason == null) {
      return exitCode;
    }
    if (reason.is(Errno.EPIPE)) {
      return exitCode == 0 ? NOBODY_READS : exitCode;
    }
    err.println("gatun: what was printed is not complete: " + reason.getMessage());
    err.flush();
    return exitCode == 0 ? FAILED : exitCode;
  }
}
