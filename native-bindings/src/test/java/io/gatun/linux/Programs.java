package io.gatun.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Runs programs that tests need around the bindings, such as mkfs. */
final class Programs {

  private Programs() {}

  /** {@return what it printed} */
  static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", command) + " failed: " + output);
    }
    return output;
  }
}
