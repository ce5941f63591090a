package io.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import org.junit.jupiter.api.Test;

/** What becomes of a command whose output does not get anywhere. */
final class StandardOutputTest {

  private final StringWriter err = new StringWriter();

  private int print(OutputStream to, int exitCode) {
    StandardOutput out = new StandardOutput(to);
    out.writer().println("a line");
    return out.end(exitCode, new PrintWriter(err));
  }

  @Test
  void whatGetsThereLeavesTheExitCodeAsItIs() {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    assertThat(print(printed, 0)).isZero();
    assertThat(print(printed, 3)).isEqualTo(3);
    assertThat(printed).hasToString("a line\na line\n");
    assertThat(err).hasToString("");
  }

  @Test
  void aFullDiskIsAnError() throws IOException {
    try (OutputStream full = new FileOutputStream("/dev/full")) {
      assertThat(print(full, 0)).isEqualTo(1);
      assertThat(print(full, 3)).isEqualTo(3);
    }
    assertThat(err.toString().lines())
        .hasSize(2)
        .containsOnly("gatun: cannot write to stdout: No space left on device");
  }

  @Test
  void whoReadsNoFurtherIsNotToldOfIt() throws IOException {
    Pipe pipe = Pipe.open();
    pipe.source().close();
    try (OutputStream unread = Channels.newOutputStream(pipe.sink())) {
      assertThat(print(unread, 0)).isEqualTo(141);
    }
    assertThat(err).hasToString("");
  }
}
