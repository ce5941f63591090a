package io.gatun.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Runs external programs such as mkfs. */
public final class Programs {

  private Programs() {}

  /** {@return its output} */
  public static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", command) + " failed: " + output);
    }
    return output;
  }
}
