package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;

/**
 * The properties of a layer that was read completely.
 *
 * @param diffId digest of the uncompressed layer, including anything after the end of the tar
 * @param sizeBytes its length
 * @param entries number of entries given to the consumer
 * @param overlayXattrsDropped number of overlayfs's own attributes that were dropped
 * @param trustedXattrsDropped number of other trusted attributes that were dropped
 */
public record AppliedLayer(
    Digest diffId,
    long sizeBytes,
    long entries,
    long overlayXattrsDropped,
    long trustedXattrsDropped) {}
