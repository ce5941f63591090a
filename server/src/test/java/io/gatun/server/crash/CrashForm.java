package io.gatun.server.crash;

/**
 * The size of the crash tests: enough for each change, or, with {@code -Dgatun.crash.form=long}, a
 * night's run.
 */
final class CrashForm {

  static final boolean IS_LONG = System.getProperty("gatun.crash.form", "").equals("long");

  /** The number of kills. */
  static final int KILLS = IS_LONG ? 1_000 : 24;

  /** The number of power cuts, on each filesystem, in each of {@link #EPOCHS}. */
  static final int CUTS = IS_LONG ? 17 : 4;

  /** How often each filesystem continues with the result of a cut. */
  static final int EPOCHS = IS_LONG ? 6 : 2;

  /** One round in this many has indexed layers. */
  private static final int INDEXED_ONES = 3;

  /**
   * Lines for the configuration file: indexed layers are synced after their commit is acknowledged.
   */
  static final String BACKGROUND =
      """
      layers = "indexed"
      layer_sync = "background"
      """;

  /** Lines for the configuration file: layers are not synced, and all are indexed. */
  static final String UNSYNCED =
      """
      layers = "indexed"
      layer_sync = "none"
      """;

  private CrashForm() {}

  /**
   * {@return lines for the configuration file of a round} Most rounds only create directory layers,
   * but all have the layers of earlier rounds.
   */
  static String layers(int round) {
    return round % INDEXED_ONES == 1 ? "layers = \"indexed\"" : "";
  }

  /** {@return the same, with background syncs in every other round with indexed layers} */
  static String layersAndSync(int round) {
    return round % (2 * INDEXED_ONES) == 1 ? BACKGROUND : layers(round);
  }
}
