package io.gatun.snapshot;

/**
 * The space that a snapshot occupies, without its parents.
 *
 * @param inodes files and directories; an inode counts once even with several links
 * @param sizeBytes bytes allocated on disk, as in {@code st_blocks}
 */
public record Usage(long inodes, long sizeBytes) {}
