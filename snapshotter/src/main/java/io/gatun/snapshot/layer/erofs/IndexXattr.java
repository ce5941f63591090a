package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.LinuxPath;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An extended attribute in the form of EROFS: a number for its namespace, and the rest of its name.
 */
public final class IndexXattr implements Comparable<IndexXattr> {

  /** EROFS_XATTR_INDEX_* of erofs_fs.h. The prefixes of access control lists are complete names. */
  enum Prefix {
    USER(1, "user."),
    ACL_ACCESS(2, "system.posix_acl_access"),
    ACL_DEFAULT(3, "system.posix_acl_default"),
    TRUSTED(4, "trusted."),
    SECURITY(6, "security.");

    final int number;
    private final String text;

    Prefix(int number, String text) {
      this.number = number;
      this.text = text;
    }

    static Prefix of(int number) {
      for (Prefix prefix : values()) {
        if (prefix.number == number) {
          return prefix;
        }
      }
      throw new AssertionError("no prefix " + number);
    }

    boolean isWholeName() {
      return this == ACL_ACCESS || this == ACL_DEFAULT;
    }
  }

  /** {@code __le16 e_value_size}. */
  static final int VALUE_BYTES_MAX = 65_535;

  private static final byte[] CAPABILITY = "capability".getBytes(StandardCharsets.US_ASCII);

  /** Tells overlayfs that no lower directory shows through. */
  static final IndexXattr OPAQUE =
      new IndexXattr(
          Prefix.TRUSTED, "overlay.opaque".getBytes(StandardCharsets.US_ASCII), new byte[] {'y'});

  private final Prefix prefix;
  private final byte[] name;
  private final byte[] value;

  /**
   * @param name without the prefix
   */
  IndexXattr(Prefix prefix, byte[] name, byte[] value) {
    this.prefix = prefix;
    this.name = name;
    this.value = value;
  }

  /** {@return an attribute; empty if no filesystem stores that name (xattr(7), EOPNOTSUPP)} */
  static Optional<IndexXattr> of(LinuxPath whole, byte[] value) throws NotIndexableException {
    for (Prefix prefix : Prefix.values()) {
      if (whole.hasPrefix(LinuxPath.of(prefix.text))) {
        byte[] name = whole.slice(prefix.text.length(), whole.length()).bytes();
        if (prefix.isWholeName() && name.length > 0) {
          throw new NotIndexableException(
              NotIndexable.ATTRIBUTE_FORM, "attribute %s".formatted(whole));
        }
        if (value.length > VALUE_BYTES_MAX) {
          throw new NotIndexableException(
              NotIndexable.ATTRIBUTE_SIZE,
              "attribute %s of %d bytes".formatted(whole, value.length));
        }
        boolean isName = prefix.isWholeName() || name.length > 0;
        return isName ? Optional.of(new IndexXattr(prefix, name, value)) : Optional.empty();
      }
    }
    return Optional.empty();
  }

  Prefix prefix() {
    return prefix;
  }

  byte[] name() {
    return name;
  }

  byte[] value() {
    return value;
  }

  IndexXattr withValue(byte[] newValue) {
    return new IndexXattr(prefix, name, newValue);
  }

  boolean isCapability() {
    return prefix == Prefix.SECURITY && Arrays.equals(name, CAPABILITY);
  }

  boolean hasNameOf(IndexXattr other) {
    return prefix == other.prefix && Arrays.equals(name, other.name);
  }

  /** {@return the size of the entry in an index, including its padding} */
  int entryBytes() {
    return Erofs.align(Erofs.XATTR_ENTRY_BYTES + name.length + value.length, Integer.BYTES);
  }

  /** By namespace and name, the order of an index. */
  @Override
  public int compareTo(IndexXattr other) {
    int byPrefix = prefix.compareTo(other.prefix);
    return byPrefix != 0 ? byPrefix : Arrays.compareUnsigned(name, other.name);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof IndexXattr that && hasNameOf(that) && Arrays.equals(value, that.value);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * prefix.number + Arrays.hashCode(name)) + Arrays.hashCode(value);
  }
}
