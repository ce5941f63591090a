package io.gatun.server.crash;

/**
 * How much is tried: enough for each change, or, with {@code -Dgatun.crash.form=long}, what takes a
 * night.
 */
final class CrashForm {

  private static final boolean IS_LONG = System.getProperty("gatun.crash.form", "").equals("long");

  /** How often the daemon is killed. */
  static final int KILLS = IS_LONG ? 1_000 : 40;

  /** How often the power is cut, on each filesystem, in each of {@link #EPOCHS}. */
  static final int CUTS = IS_LONG ? 17 : 6;

  /** How often each filesystem lives on with what a cut has left. */
  static final int EPOCHS = IS_LONG ? 6 : 2;

  /** One round in so many has layers kept as tars. */
  private static final int INDEXED_ONES = 3;

  /** Lines for the configuration file: layers kept as tars are synced behind the answer. */
  static final String BACKGROUND =
      """
      layers = "indexed"
      layer_sync = "background"
      """;

  /** Lines for the configuration file: nobody syncs layers, and all are kept as tars. */
  static final String UNSYNCED =
      """
      layers = "indexed"
      layer_sync = "none"
      """;

  private CrashForm() {}

  /**
   * {@return lines for the configuration file of a round of a test} Most have directories alone,
   * and all have what the rounds before them have left.
   */
  static String layers(int round) {
    return round % INDEXED_ONES == 1 ? "layers = \"indexed\"" : "";
  }

  /** {@return the same, where every other round with layers kept as tars syncs them later} */
  static String layersAndSync(int round) {
    return round % (2 * INDEXED_ONES) == 1 ? BACKGROUND : layers(round);
  }
}
