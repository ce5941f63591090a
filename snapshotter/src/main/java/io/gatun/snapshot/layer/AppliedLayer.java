package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;

/**
 * What is known of a layer once all of it has been read.
 *
 * @param diffId digest of the uncompressed layer, with whatever follows the end of the tar
 * @param sizeBytes how long that is
 * @param entries how many its consumer was given
 * @param overlayXattrsDropped how many attributes of the overlay filesystem it would have set
 * @param trustedXattrsDropped how many other trusted attributes it would have set
 */
public record AppliedLayer(
    Digest diffId,
    long sizeBytes,
    long entries,
    long overlayXattrsDropped,
    long trustedXattrsDropped) {}
