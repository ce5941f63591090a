package io.gatun.linux;

/** What setxattr(2) demands of an attribute. Without one, it is set whether it exists or not. */
public enum XattrFlag {
  /** Fails with {@code EEXIST} if it exists. */
  CREATE(Abi.XATTR_CREATE),
  /** Fails with {@code ENODATA} if it does not. */
  REPLACE(Abi.XATTR_REPLACE);

  final int bits;

  XattrFlag(int bits) {
    this.bits = bits;
  }
}
