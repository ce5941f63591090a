package io.gatun.cli.text;

import java.io.Console;
import java.io.PrintWriter;
import java.util.Optional;

/** A progress bar on one line of a terminal. */
public final class ProgressBar {

  private static final int CELLS = 40;

  private final PrintWriter out;
  private final boolean isShown;
  private int shownPerMille = -1;

  public ProgressBar(PrintWriter out, boolean isShown) {
    this.out = out;
    this.isShown = isShown;
  }

  /** {@return whether the output is a terminal} */
  public static boolean isShown() {
    // Depending on the JDK, System.console() may be null or no terminal.
    return Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
  }

  public void show(long bytes, long ofBytes) {
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

  /** Ends the line. */
  public void end() {
    if (shownPerMille >= 0) {
      out.println();
      out.flush();
    }
  }
}
