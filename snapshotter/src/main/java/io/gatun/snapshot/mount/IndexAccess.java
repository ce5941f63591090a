package io.gatun.snapshot.mount;

/** How the kernel gets at the files of an indexed layer. The ways are tried in this order. */
public enum IndexAccess {
  /**
   * EROFS reads the files by itself, and the tar with direct I/O: what the layer shows is in the
   * page cache, and not the tar as well. From Linux 6.13 on, on a filesystem that takes direct I/O
   * of single blocks of an index.
   */
  DIRECT,
  /**
   * The same through the page cache, which has what was read twice then. From Linux 6.12 on, which
   * is too old for the option and decides by itself whether it reads directly.
   */
  FILE,
  /** Each is shown by a loop device, which goes with the mount; from Linux 6.4 on. */
  LOOP
}
