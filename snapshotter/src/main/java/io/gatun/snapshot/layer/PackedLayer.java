package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;

/**
 * The properties of a complete new layer.
 *
 * @param diffId digest of the tar
 * @param blob digest of the blob, the same as the diff id without compression
 * @param blobBytes length of the blob
 * @param entries number of entries in the tar
 * @param xattrsLeftOut number of user attributes that a tar cannot express
 */
public record PackedLayer(
    Digest diffId, Digest blob, long blobBytes, long entries, long xattrsLeftOut) {}
