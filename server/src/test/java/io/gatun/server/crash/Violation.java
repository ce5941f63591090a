package io.gatun.server.crash;

/**
 * A promise that was not kept.
 *
 * @param promise which
 * @param sentence what was found, and of which snapshot
 */
record Violation(Promise promise, String sentence) {

  enum Promise {
    /** A daemon starts on whatever is there. */
    DAEMON_STARTS,
    /** What was acknowledged is there, and what was not is wholly there or not at all. */
    ACKNOWLEDGED_IS_DURABLE,
    /** Every file of a committed layer has its full content. */
    LAYER_IS_WHOLE,
    /** So has every file of a layer that was unpacked, before that is committed. */
    UNPACKED_IS_DURABLE,
    /** A tar that a snapshot has for its layer is that layer, and so is its index. */
    TAR_IS_WHOLE,
    /** A snapshot that is there has its directories. */
    DIRECTORY_IS_THERE,
    /** An indexed layer that is not mounted is not taken for one without files. */
    MISSING_IS_NOT_EMPTY,
    /** Every directory belongs to a snapshot. */
    NOTHING_LEAKS,
    /** The product's own check of the root finds nothing that anybody has to see to. */
    CHECK_IS_CLEAN,
    /** No id is used twice. */
    ID_IS_NEW
  }
}
