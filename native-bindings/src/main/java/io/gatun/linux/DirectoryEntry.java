package io.gatun.linux;

/**
 * One name in a directory.
 *
 * @param name a single component, never {@code .} or {@code ..}
 * @param type what it names; {@link NodeType#UNKNOWN} where the filesystem does not keep that in
 *     directories
 * @param inode its number; that of a mount point is the one below the mount
 */
public record DirectoryEntry(LinuxPath name, NodeType type, long inode) {}
