package io.gatun.server.crash;

/**
 * A broken promise.
 *
 * @param promise the promise
 * @param sentence the finding, with the snapshot
 */
record Violation(Promise promise, String sentence) {

  enum Promise {
    /** A daemon starts on any remains. */
    DAEMON_STARTS,
    /** Acknowledged requests are in effect; all others are so completely or not at all. */
    ACKNOWLEDGED_IS_DURABLE,
    /** Every file of a committed layer has its full content. */
    LAYER_IS_WHOLE,
    /** The same holds for an unpacked layer before its commit. */
    UNPACKED_IS_DURABLE,
    /** The tar of a snapshot's layer has the content of that layer, and its index matches. */
    TAR_IS_WHOLE,
    /** An existing snapshot has its directories. */
    DIRECTORY_IS_THERE,
    /** An unmounted indexed layer is not taken for an empty one. */
    MISSING_IS_NOT_EMPTY,
    /** Every directory belongs to a snapshot. */
    NOTHING_LEAKS,
    /** The product's own check of the root finds nothing that needs attention. */
    CHECK_IS_CLEAN,
    /** No id is used twice. */
    ID_IS_NEW
  }
}
