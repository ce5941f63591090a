package io.gatun.linux;

/** Requirements of setxattr(2). Without one, the attribute is set whether it exists or not. */
public enum XattrFlag {
  /** Fails with {@code EEXIST} if it exists. */
  CREATE(Abi.XATTR_CREATE),
  /** Fails with {@code ENODATA} if it does not exist. */
  REPLACE(Abi.XATTR_REPLACE);

  final int bits;

  XattrFlag(int bits) {
    this.bits = bits;
  }
}
