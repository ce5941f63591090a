package io.gatun.snapshot.root;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The content of a root's file {@code format}.
 *
 * <p>Text, one fact a line, each line ended by a newline:
 *
 * <pre>
 *   gatun-root 1          the version of the layout; always the first line
 *   driver overlay        the driver of the snapshots; missing until one is chosen
 * </pre>
 *
 * The version changes when older daemons can no longer use the root; an unknown version is refused.
 * Metadata files have versions of their own.
 *
 * @param version the version of the layout
 * @param driver the driver's name in the configuration
 */
record RootFormat(int version, Optional<String> driver) {

  static final int CURRENT_VERSION = 1;

  private static final Pattern VERSION = Pattern.compile("gatun-root ([1-9][0-9]{0,8})");
  private static final Pattern DRIVER = Pattern.compile("driver ([a-z]+)");

  static RootFormat current(Optional<String> driver) {
    return new RootFormat(CURRENT_VERSION, driver);
  }

  /**
   * Parses the file.
   *
   * @throws UnusableRootException if it is damaged or of another version
   */
  static RootFormat parse(String file, String text) throws UnusableRootException {
    List<String> lines = text.lines().toList();
    Matcher first = VERSION.matcher(lines.isEmpty() ? "" : lines.get(0));
    if (!first.matches() || !text.endsWith("\n")) {
      throw new UnusableRootException(
          "%s is damaged: its first line is not \"gatun-root %d\"; run `gatun fsck` if the root is Gatun's"
              .formatted(file, CURRENT_VERSION));
    }
    int version = Integer.parseInt(first.group(1));
    if (version != CURRENT_VERSION) {
      throw new UnusableRootException(
          "%s: the root has layout version %d and this Gatun knows version %d: use the Gatun that wrote it, or another root"
              .formatted(file, version, CURRENT_VERSION));
    }
    if (lines.size() == 1) {
      return current(Optional.empty());
    }
    Matcher second = DRIVER.matcher(lines.get(1));
    if (lines.size() > 2 || !second.matches()) {
      throw new UnusableRootException(
          "%s is damaged: line 2 does not name the driver; run `gatun fsck` if the root is Gatun's"
              .formatted(file));
    }
    return current(Optional.of(second.group(1)));
  }

  static boolean isOfLaterVersion(String text) {
    Matcher first = VERSION.matcher(text.lines().findFirst().orElse(""));
    return first.matches() && Integer.parseInt(first.group(1)) > CURRENT_VERSION;
  }

  String text() {
    return "gatun-root " + version + "\n" + driver.map(name -> "driver " + name + "\n").orElse("");
  }
}
