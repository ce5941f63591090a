package io.gatun.server.crash;

/**
 * A promise that was not kept.
 *
 * @param promise which
 * @param sentence what was found, and of which snapshot
 */
record Violation(Promise promise, String sentence) {

  enum Promise {
    /** What was acknowledged is there, and what was not is wholly there or not at all. */
    ACKNOWLEDGED_IS_DURABLE,
    /** Every file of a committed layer has its full content. */
    LAYER_IS_WHOLE,
    /** A snapshot that is there has its directories. */
    DIRECTORY_IS_THERE,
    /** Every directory belongs to a snapshot, and metadata and directories are sound. */
    NOTHING_LEAKS,
    /** No id is used twice. */
    ID_IS_NEW
  }
}
