package io.gatun.cli.text;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Unistd;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The standard output of commands, with the error of a failed write: a list that a full disk cut
 * short looks complete. {@link System#out} would report a failure without its cause.
 */
public final class CheckedStdout {

  /** The exit code of a program that SIGPIPE ended, 128 + 13 (bash(1)). */
  private static final int NOBODY_READS = 128 + 13;

  private static final int FAILED = 1;
  private static final int BUFFER_BYTES = 8 << 10;

  private final PrintWriter writer;
  private @Nullable ErrnoException failure;

  public CheckedStdout() {
    this(Fd.STANDARD_OUTPUT);
  }

  /**
   * @param file the file to write to; it stays open
   */
  public CheckedStdout(Fd file) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    OutputStream watched =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
          }

          @Override
          public void write(byte[] bytes, int offset, int length) throws IOException {
            // After a lost write, further output would hide the gap.
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

  public PrintWriter writer() {
    return writer;
  }

  /**
   * Reports a failed write on stderr, unless the reader closed the pipe.
   *
   * @param exitCode of the command
   * @return the exit code of the program
   */
  public int end(int exitCode, PrintWriter err) {
    writer.flush();
    ErrnoException reason = failure;
    if (reason == null) {
      return exitCode;
    }
    if (reason.is(Errno.EPIPE)) {
      return exitCode == 0 ? NOBODY_READS : exitCode;
    }
    err.println("gatun: the output is not complete: " + reason.getMessage());
    err.flush();
    return exitCode == 0 ? FAILED : exitCode;
  }
}
