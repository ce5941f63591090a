package io.gatun.cli.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands whose output cannot be written. */
final class CheckedStdoutTest {

  private static final String LINE = "ä".repeat(10_000);

  @TempDir Path directory;
  private final StringWriter err = new StringWriter();

  private int print(Path file, int exitCode) throws IOException {
    try (Fd to = Fcntl.open(LinuxPath.of(file), OpenFlag.WRITE_ONLY)) {
      CheckedStdout out = new CheckedStdout(to);
      out.writer().println(LINE);
      return out.end(exitCode, new PrintWriter(err));
    }
  }

  @Test
  void whatGetsThereLeavesTheExitCodeAsItIs() throws IOException {
    Path file = Files.createFile(directory.resolve("printed"));
    assertThat(print(file, 0)).isZero();
    assertThat(file).hasContent(LINE);
    assertThat(print(file, 3)).isEqualTo(3);
    assertThat(err).hasToString("");
  }

  @Test
  void aFullDiskIsAnError() throws IOException {
    Path full = Path.of("/dev/full");
    assertThat(print(full, 0)).isEqualTo(1);
    assertThat(print(full, 3)).isEqualTo(3);
    assertThat(err.toString().lines())
        .hasSize(2)
        .containsOnly(
            "gatun: the output is not complete: write /dev/full: ENOSPC (No space left on device)");
  }
}
