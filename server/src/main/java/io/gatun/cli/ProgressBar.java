package io.gatun.cli;

import java.io.Console;
import java.io.PrintWriter;
import java.util.Optional;

/** One line on a terminal that says how far something is. */
final class ProgressBar {

  private static final int CELLS = 40;

  private final PrintWriter out;
  private final boolean isShown;
  private int shownPerMille = -1;

  ProgressBar(PrintWriter out, boolean isShown) {
    this.out = out;
    this.isShown = isShown;
  }

  /** {@return whether there is a terminal that somebody looks at} */
  static boolean isShown() {
    // There may be none at all, depending on the JDK.
    return Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
  }

  void show(long bytes, long ofBytes) {
    int perMille = ofBytes == 0 ? 1000 : (int) (bytes * 1000.0 / ofBytes);
    if (!isShown || perMille == shownPerMille) {
      return;
    }
    shownPerMille = perMille;
    int full = perMille * CELLS / 1000;
    out.printf(
        "\r[%s%s] %5.1f %% of %d MB",
        "#".repeat(full), "-".repeat(CELLS - full), perMille / 10.0, ofBytes / 1_000_000);
    out.flush();
  }

  /** Leaves the line. */
  void end() {
    if (shownPerMille >= 0) {
      out.println();
      out.flush();
    }
  }
}
