package io.gatun.linux.file;

import java.util.Arrays;

/** The type of an inode: the {@code S_IFMT} part of its mode, {@code inode(7)}. */
public enum NodeType {
  REGULAR(Abi.S_IFREG),
  DIRECTORY(Abi.S_IFDIR),
  SYMBOLIC_LINK(Abi.S_IFLNK),
  CHARACTER_DEVICE(Abi.S_IFCHR),
  BLOCK_DEVICE(Abi.S_IFBLK),
  FIFO(Abi.S_IFIFO),
  SOCKET(Abi.S_IFSOCK),
  /**
   * Only in directory entries of filesystems that do not store types there; ask {@link Stat#statx}.
   */
  UNKNOWN(0);

  private static final int FORMAT_SHIFT = 12;

  private static final NodeType[] BY_FORMAT = byFormat();

  /** The bits of S_IFMT. */
  final int format;

  NodeType(int format) {
    this.format = format;
  }

  static NodeType ofMode(int mode) {
    return BY_FORMAT[(mode & Abi.S_IFMT) >>> FORMAT_SHIFT];
  }

  /** Directory entries store the format shifted down: IFTODT in dirent.h. */
  static NodeType ofDirectoryEntry(int type) {
    return BY_FORMAT[type & (Abi.S_IFMT >>> FORMAT_SHIFT)];
  }

  private static NodeType[] byFormat() {
    NodeType[] table = new NodeType[(Abi.S_IFMT >>> FORMAT_SHIFT) + 1];
    Arrays.fill(table, UNKNOWN);
    for (NodeType type : values()) {
      table[type.format >>> FORMAT_SHIFT] = type;
    }
    return table;
  }
}
