package io.gatun.linux.file;

import io.gatun.linux.LinuxPath;

/**
 * An entry of a directory.
 *
 * @param name a single component, never {@code .} or {@code ..}
 * @param type its type; {@link NodeType#UNKNOWN} if the filesystem does not store it in directories
 * @param inode its inode number; for a mount point, that of the directory below the mount
 */
public record DirectoryEntry(LinuxPath name, NodeType type, long inode) {}
