package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.erofs.IndexXattr.Prefix;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The extended attributes of one file, changed in the same way as the kernel does when a layer is
 * extracted: on setxattr(2), chown(2) and chmod(2).
 */
public final class XattrSet {

  private static final int CAPABILITY_BYTES_V2 = 20;
  private static final int CAPABILITY_BYTES_V3 = 24;
  private static final int CAPABILITY_V2 = 0x0200_0000;
  private static final int CAPABILITY_V3 = 0x0300_0000;
  private static final int CAPABILITY_EFFECTIVE = 1;
  private static final int CAPABILITY_ROOT_ID = 20;
  private static final int NO_ID = -1;

  private final int type;
  private final List<IndexXattr> all;

  private XattrSet(int type, List<IndexXattr> all) {
    this.type = type;
    this.all = all;
  }

  public static XattrSet of(int type, List<IndexXattr> all) {
    return new XattrSet(type, new ArrayList<>(all));
  }

  /**
   * {@return the attributes of a new file, from the default access control list of its directory}
   *
   * @param mode with which it is created
   */
  public static XattrSet madeIn(List<IndexXattr> directory, int type, int mode) {
    XattrSet set = new XattrSet(type, new ArrayList<>());
    if (type != Inodes.SYMBOLIC_LINK) {
      for (IndexXattr xattr : directory) {
        if (xattr.prefix() == Prefix.ACL_DEFAULT) {
          if (type == Inodes.DIRECTORY) {
            set.put(xattr);
          }
          set.putAccess(PosixAcl.withMode(xattr.value(), mode));
        }
      }
    }
    return set;
  }

  List<IndexXattr> sorted() {
    all.sort(null);
    return all;
  }

  public boolean isEmpty() {
    return all.isEmpty();
  }

  /** chown(2) removes capabilities from files, but not from directories. */
  public void changeOwner() {
    if (type != Inodes.DIRECTORY) {
      all.removeIf(IndexXattr::isCapability);
    }
  }

  /** Applies chmod(2) to the access control list. */
  public void changeMode(int mode) {
    all.replaceAll(
        xattr ->
            xattr.prefix() == Prefix.ACL_ACCESS
                ? xattr.withValue(PosixAcl.withMode(xattr.value(), mode))
                : xattr);
  }

  /** Sets the attributes of an entry. */
  public void setAll(List<TarXattr> named) throws NotIndexableException {
    for (TarXattr each : named) {
      Optional<IndexXattr> xattr = IndexXattr.of(each.name(), each.value());
      if (xattr.isPresent()) {
        set(xattr.get());
      }
    }
  }

  /** Adds inherited attributes that a directory does not have yet. */
  public void addAll(Map<LinuxPath, byte[]> inherited) throws NotIndexableException {
    for (Map.Entry<LinuxPath, byte[]> each : inherited.entrySet()) {
      Optional<IndexXattr> xattr = IndexXattr.of(each.getKey(), each.getValue());
      if (xattr.isPresent() && all.stream().noneMatch(xattr.get()::hasNameOf)) {
        set(xattr.get());
      }
    }
  }

  private void set(IndexXattr xattr) throws NotIndexableException {
    switch (xattr.prefix()) {
      case USER -> {
        // Other types cannot have user attributes, xattr(7); extraction skips them as well.
        if (type == Inodes.REGULAR || type == Inodes.DIRECTORY) {
          put(xattr);
        }
      }
      case TRUSTED -> put(xattr);
      case SECURITY -> {
        if (xattr.isCapability() && !isCapability(xattr.value())) {
          throw unusual("a capability");
        }
        put(xattr);
      }
      case ACL_ACCESS -> {
        if (type != Inodes.SYMBOLIC_LINK) {
          putAccess(checked(xattr.value()));
        }
      }
      case ACL_DEFAULT -> {
        if (type == Inodes.DIRECTORY) {
          put(xattr.withValue(checked(xattr.value())));
        } else if (type != Inodes.SYMBOLIC_LINK) {
          throw unusual("a default access control list of a non-directory");
        }
      }
    }
  }

  private static byte[] checked(byte[] acl) throws NotIndexableException {
    if (!PosixAcl.isValid(acl)) {
      throw unusual("an access control list");
    }
    return PosixAcl.canonical(acl);
  }

  private void putAccess(byte[] acl) {
    IndexXattr access = new IndexXattr(Prefix.ACL_ACCESS, new byte[0], acl);
    all.removeIf(access::hasNameOf);
    if (PosixAcl.isMoreThanMode(acl)) {
      all.add(access);
    }
  }

  private void put(IndexXattr xattr) {
    all.removeIf(xattr::hasNameOf);
    all.add(xattr);
  }

  /** security/commoncap.c: validheader. */
  private static boolean isCapability(byte[] value) {
    if (value.length != CAPABILITY_BYTES_V2 && value.length != CAPABILITY_BYTES_V3) {
      return false;
    }
    ByteBuffer capability = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
    int version = capability.getInt(0) & ~CAPABILITY_EFFECTIVE;
    return value.length == CAPABILITY_BYTES_V2
        ? version == CAPABILITY_V2
        : version == CAPABILITY_V3 && capability.getInt(CAPABILITY_ROOT_ID) != NO_ID;
  }

  private static NotIndexableException unusual(String what) {
    return new NotIndexableException(
        NotIndexable.ATTRIBUTE_FORM, what + " that the kernel does not accept unchanged");
  }
}
