package io.gatun.server.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** System programs that tests need beside the daemon. */
final class Commands {

  private static final long PATIENCE_SECONDS = 600;

  /**
   * The end of a program.
   *
   * @param status its exit status
   * @param output all of its output
   */
  record Outcome(int status, String output) {}

  private Commands() {}

  /** {@return the output of a program, which must succeed} */
  static String run(String... command) {
    Outcome outcome = attempt(command);
    if (outcome.status() != 0) {
      throw new IllegalStateException("%s: %s".formatted(List.of(command), outcome));
    }
    return outcome.output();
  }

  static Outcome attempt(String... command) {
    try {
      Path output = Files.createTempFile("gatun-command", ".out");
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        process.getOutputStream().close();
        if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw new IllegalStateException("%s does not end".formatted(List.of(command)));
        }
        return new Outcome(process.exitValue(), Files.readString(output, UTF_8));
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
