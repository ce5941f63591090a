package io.gatun.linux;

/** Restrictions of path resolution by openat2(2). */
public enum ResolveFlag {
  /** {@code EXDEV} at a mount point, bind mounts included. */
  NO_MOUNT_CROSSING(Abi.RESOLVE_NO_XDEV),
  /** {@code ELOOP} at links like those in /proc/self/fd. */
  NO_MAGIC_LINKS(Abi.RESOLVE_NO_MAGICLINKS),
  /** {@code ELOOP} at any symbolic link, in any component. */
  NO_SYMLINKS(Abi.RESOLVE_NO_SYMLINKS),
  /** {@code EXDEV} for absolute paths and links, and for {@code ..} out of the directory. */
  BENEATH(Abi.RESOLVE_BENEATH),
  /** The directory is the root for absolute paths and links, and for {@code ..}. */
  IN_ROOT(Abi.RESOLVE_IN_ROOT),
  /** {@code EAGAIN} unless all components are cached. */
  CACHED(Abi.RESOLVE_CACHED);

  final int bits;

  ResolveFlag(int bits) {
    this.bits = bits;
  }
}
