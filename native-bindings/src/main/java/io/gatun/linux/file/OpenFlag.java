package io.gatun.linux.file;

/**
 * Flags of {@code open(2)}. Without an access mode, a file is opened for reading. {@code O_CLOEXEC}
 * is always set.
 */
public enum OpenFlag {
  READ_ONLY(Abi.O_RDONLY),
  WRITE_ONLY(Abi.O_WRONLY),
  READ_WRITE(Abi.O_RDWR),
  CREATE(Abi.O_CREAT),
  /**
   * With {@link #CREATE}: fails with {@code EEXIST} if the name is taken, even by a dangling link.
   * With {@link #TEMPORARY}: the file cannot be given a name.
   */
  EXCLUSIVE(Abi.O_EXCL),
  TRUNCATE(Abi.O_TRUNC),
  APPEND(Abi.O_APPEND),
  /** Fails with {@code ENOTDIR} if it is not a directory. */
  DIRECTORY(Abi.O_DIRECTORY),
  /**
   * Fails with {@code ELOOP} if the last component is a symbolic link, unless with {@link #PATH}.
   */
  NO_FOLLOW(Abi.O_NOFOLLOW),
  /** Only a location in the tree; the descriptor cannot be read, written or synced. */
  PATH(Abi.O_PATH),
  /** An unnamed file in the given directory. */
  TEMPORARY(Abi.O_TMPFILE),
  /** Reading does not change the access time; {@code EPERM} unless the caller owns the file. */
  NO_ACCESS_TIME(Abi.O_NOATIME),
  DIRECT(Abi.O_DIRECT),
  NON_BLOCKING(Abi.O_NONBLOCK);

  final int bits;

  OpenFlag(int bits) {
    this.bits = bits;
  }
}
