package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;

/**
 * What is known of a layer once it is complete.
 *
 * @param diffId digest of the tar
 * @param blob digest of the blob, which is the same if it is not compressed
 * @param blobBytes how long the blob is
 * @param entries how many the tar has
 * @param xattrsLeftOut how many attributes of users could not be expressed
 */
public record PackedLayer(
    Digest diffId, Digest blob, long blobBytes, long entries, long xattrsLeftOut) {}
