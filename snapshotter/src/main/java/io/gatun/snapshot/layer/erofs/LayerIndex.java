package io.gatun.snapshot.layer.erofs;

import io.gatun.snapshot.Digest;

/**
 * What has become of a layer.
 *
 * @param digest of the whole index
 * @param sizeBytes of the index
 * @param inodes how many files of all kinds it has, without the directory that holds {@code fs}
 * @param tarBytes how long the tar has to be for a loop device to show all of it: its length,
 *     rounded up to whole blocks
 * @param treeBytes what the tree took while it was made, in memory and in the spill; nothing if it
 *     was made of another index
 * @param isSpilled whether some of that was in the spill
 */
public record LayerIndex(
    Digest digest, long sizeBytes, long inodes, long tarBytes, long treeBytes, boolean isSpilled) {}
