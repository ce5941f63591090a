package io.gatun.cli.text;

import java.util.Locale;

/** Formats values for a terminal. */
public final class Formats {

  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

  private Formats() {}

  /** {@return a number of bytes, such as {@code 1.4 GiB}} */
  public static String bytes(long count) {
    double value = count;
    int unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? count + " B" : String.format(Locale.ROOT, "%.1f %s", value, UNITS[unit]);
  }

  /**
   * {@return a client's name with control characters escaped} Names may contain anything but NUL,
   * including a terminal's control sequences.
   */
  public static String name(String name) {
    StringBuilder shown = new StringBuilder();
    name.codePoints()
        .forEach(
            character -> {
              if (Character.isISOControl(character)) {
                shown.append(String.format(Locale.ROOT, "\\x%02x", character));
              } else {
                shown.appendCodePoint(character);
              }
            });
    return shown.toString();
  }
}
