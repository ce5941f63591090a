package io.gatun.snapshot.layer.erofs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Access control lists in the form of setxattr(2) and EROFS ({@code linux/posix_acl_xattr.h}): a
 * version, then a tag, permissions and an id per entry. The methods reproduce what the kernel does
 * when a list is set, when a mode is set (acl(5), "correspondence between ACL entries and file
 * permission bits") and when something is created in a directory with a default list ("object
 * creation and default ACLs").
 */
final class PosixAcl {

  private static final int VERSION = 2;
  private static final int HEADER_BYTES = 4;
  private static final int ENTRY_BYTES = 8;
  private static final int PERMISSIONS = 2;
  private static final int ID = 4;

  private static final int USER_OBJ = 0x01;
  private static final int USER = 0x02;
  private static final int GROUP_OBJ = 0x04;
  private static final int GROUP = 0x08;
  private static final int MASK = 0x10;
  private static final int OTHER = 0x20;

  private static final int UNDEFINED_ID = -1;
  private static final int ALL = 7;
  private static final int USER_SHIFT = 6;
  private static final int GROUP_SHIFT = 3;

  private PosixAcl() {}

  /** {@return whether the kernel accepts the list unchanged} */
  static boolean isValid(byte[] acl) {
    if (acl.length <= HEADER_BYTES || (acl.length - HEADER_BYTES) % ENTRY_BYTES != 0) {
      return false;
    }
    ByteBuffer entries = buffer(acl);
    if (entries.getInt(0) != VERSION) {
      return false;
    }
    // fs/posix_acl.c: posix_acl_valid.
    int expected = USER_OBJ;
    boolean isMaskNeeded = false;
    for (int at = HEADER_BYTES; at < acl.length; at += ENTRY_BYTES) {
      int tag = entries.getShort(at);
      boolean isNamed = tag == USER || tag == GROUP;
      if ((entries.getShort(at + PERMISSIONS) & ~ALL) != 0
          || (isNamed && entries.getInt(at + ID) == UNDEFINED_ID)) {
        return false;
      }
      isMaskNeeded |= isNamed;
      int next =
          switch (tag) {
            case USER_OBJ -> expected == USER_OBJ ? USER : -1;
            case USER -> expected == USER ? USER : -1;
            case GROUP_OBJ -> expected == USER ? GROUP : -1;
            case GROUP -> expected == GROUP ? GROUP : -1;
            case MASK -> expected == GROUP ? OTHER : -1;
            case OTHER -> expected == OTHER || (expected == GROUP && !isMaskNeeded) ? 0 : -1;
            default -> -1;
          };
      if (next < 0) {
        return false;
      }
      expected = next;
    }
    return expected == 0;
  }

  /** {@return whether the list says more than a mode; otherwise the kernel stores only the mode} */
  static boolean isMoreThanMode(byte[] acl) {
    ByteBuffer entries = buffer(acl);
    for (int at = HEADER_BYTES; at < acl.length; at += ENTRY_BYTES) {
      int tag = entries.getShort(at);
      if (tag == USER || tag == GROUP || tag == MASK) {
        return true;
      }
    }
    return false;
  }

  /** {@return the list as the kernel returns it, with undefined ids in unnamed entries} */
  static byte[] canonical(byte[] acl) {
    byte[] copy = acl.clone();
    ByteBuffer entries = buffer(copy);
    for (int at = HEADER_BYTES; at < copy.length; at += ENTRY_BYTES) {
      int tag = entries.getShort(at);
      if (tag != USER && tag != GROUP) {
        entries.putInt(at + ID, UNDEFINED_ID);
      }
    }
    return copy;
  }

  /** {@return the list after chmod(2), or as inherited by something created with that mode} */
  static byte[] withMode(byte[] acl, int mode) {
    byte[] copy = acl.clone();
    ByteBuffer entries = buffer(copy);
    boolean hasMask = false;
    for (int at = HEADER_BYTES; at < copy.length; at += ENTRY_BYTES) {
      hasMask |= entries.getShort(at) == MASK;
    }
    for (int at = HEADER_BYTES; at < copy.length; at += ENTRY_BYTES) {
      int tag = entries.getShort(at);
      if (tag == USER_OBJ) {
        entries.putShort(at + PERMISSIONS, (short) ((mode >> USER_SHIFT) & ALL));
      } else if (tag == (hasMask ? MASK : GROUP_OBJ)) {
        entries.putShort(at + PERMISSIONS, (short) ((mode >> GROUP_SHIFT) & ALL));
      } else if (tag == OTHER) {
        entries.putShort(at + PERMISSIONS, (short) (mode & ALL));
      }
    }
    return copy;
  }

  private static ByteBuffer buffer(byte[] acl) {
    return ByteBuffer.wrap(acl).order(ByteOrder.LITTLE_ENDIAN);
  }
}
