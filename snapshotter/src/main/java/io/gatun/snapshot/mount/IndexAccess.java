package io.gatun.snapshot.mount;

/** How the kernel reads the files of an indexed layer, in the order in which they are tried. */
public enum IndexAccess {
  /**
   * EROFS reads the files itself, and the tar with direct I/O, so only the files of the layer are
   * in the page cache and not the tar as well. Needs Linux 6.13 and a filesystem with direct I/O of
   * an index's single blocks.
   */
  DIRECT,
  /**
   * The same through the page cache, which then has the data twice. Needs Linux 6.12, which lacks
   * the option and decides itself whether to use direct I/O.
   */
  FILE,
  /** Through loop devices, which are freed with the mount; needs Linux 6.4. */
  LOOP
}
