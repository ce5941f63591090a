package io.gatun.snapshot.filetree;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The umask of this process, which umask(2) can only return by changing it. */
public final class Umask {

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String FIELD = "Umask:";
  private static final int EVERYTHING = 0777;

  private Umask() {}

  /** {@return the umask, or all bits if it is unknown, such that no mode is relied upon} */
  public static int current() {
    try (var lines = Files.lines(STATUS)) {
      return lines
          .filter(line -> line.startsWith(FIELD))
          .findFirst()
          .map(line -> Integer.parseInt(line.substring(FIELD.length()).strip(), 8))
          .orElse(EVERYTHING);
    } catch (IOException | NumberFormatException e) {
      return EVERYTHING;
    }
  }
}
