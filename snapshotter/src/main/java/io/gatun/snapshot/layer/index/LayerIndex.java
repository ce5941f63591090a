package io.gatun.snapshot.layer.index;

import io.gatun.snapshot.Digest;

/**
 * The properties of a written index.
 *
 * @param digest of the whole index
 * @param sizeBytes of the index
 * @param inodes number of files of all kinds, without the directory that holds {@code fs}
 * @param tarBytes required length of the tar, rounded up to whole blocks so that a loop device
 *     exposes all of it
 * @param treeBytes size of the tree in memory and spill; 0 if derived from another index
 * @param isSpilled whether the tree used the spill
 */
public record LayerIndex(
    Digest digest, long sizeBytes, long inodes, long tarBytes, long treeBytes, boolean isSpilled) {}
