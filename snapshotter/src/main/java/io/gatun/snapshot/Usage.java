package io.gatun.snapshot;

/**
 * The space that a snapshot takes by itself, its parents not counted.
 *
 * @param inodes files and directories, each inode once however many links it has
 * @param sizeBytes bytes allocated on disk, as {@code st_blocks} counts them
 */
public record Usage(long inodes, long sizeBytes) {}
