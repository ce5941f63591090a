package io.gatun.server.powercut;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** System tools that create, check and mount filesystems. */
public final class Commands {

  private static final int PATIENCE_SECONDS = 600;
  private static final int ATTEMPTS = 600;
  private static final int PAUSE_MILLIS = 100;

  private Commands() {}

  /**
   * Unmounts a filesystem. A container, a kernel thread, or a process that another thread is just
   * starting may hold a file of it for a moment.
   */
  public static void unmount(Path directory) throws IOException {
    runUntilItSucceeds("umount", directory.toString());
  }

  /** Runs a command to its end, again and again while something keeps its object busy. */
  static void runUntilItSucceeds(String... command) throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        run(command);
        return;
      } catch (IOException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
      pause(command);
    }
  }

  private static void pause(String... command) throws IOException {
    try {
      Thread.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while repeating " + List.of(command), e);
    }
  }

  /**
   * Runs a command to its end.
   *
   * @return its output
   * @throws IOException with its output, if it does not exit with 0
   */
  public static String run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException(List.of(command) + " did not end: " + output);
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while running " + List.of(command), e);
    }
    if (process.exitValue() != 0) {
      throw new IOException(List.of(command) + " exited " + process.exitValue() + ": " + output);
    }
    return output;
  }
}
