package io.gatun.snapshot.root;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the file {@code format} of a root says.
 *
 * <p>Text, one fact a line, each line ended by a newline:
 *
 * <pre>
 *   gatun-root 1          the version of the layout; always the first line
 *   driver overlay        which driver the snapshots belong to; missing as long as none was chosen
 * </pre>
 *
 * A version is raised when a root written by it can no longer be used by older daemons, and an
 * unknown version is refused. The metadata have a version of their own, inside their files.
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
   * {@return what the text says}
   *
   * @throws UnusableRootException if this version of Gatun cannot know what it means
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
          "%s says that the root has layout version %d and this Gatun knows version %d: use the Gatun that wrote it, or another root"
              .formatted(file, version, CURRENT_VERSION));
    }
    if (lines.size() == 1) {
      return current(Optional.empty());
    }
    Matcher second = DRIVER.matcher(lines.get(1));
    if (lines.size() > 2 || !second.matches()) {
      throw new UnusableRootException(
          "%s is damaged: line 2 is not the driver's; run `gatun fsck` if the root is Gatun's"
              .formatted(file));
    }
    return current(Optional.of(second.group(1)));
  }

  /** {@return whether a later Gatun has written this} */
  static boolean isOfLaterVersion(String text) {
    Matcher first = VERSION.matcher(text.lines().findFirst().orElse(""));
    return first.matches() && Integer.parseInt(first.group(1)) > CURRENT_VERSION;
  }

  String text() {
    return "gatun-root " + version + "\n" + driver.map(name -> "driver " + name + "\n").orElse("");
  }
}
