package io.gatun.snapshot.driver;

/** How the kernel gets at the files of an indexed layer. */
public enum IndexAccess {
  /** EROFS reads them by itself, from Linux 6.12 on. */
  FILE,
  /** Each is shown by a loop device, which goes with the mount; from Linux 6.4 on. */
  LOOP
}
