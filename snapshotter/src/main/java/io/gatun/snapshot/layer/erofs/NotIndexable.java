package io.gatun.snapshot.layer.erofs;

/**
 * What an index cannot express although a directory might. Closed: a layer that has none of these
 * has an index, or is no layer.
 */
public enum NotIndexable {
  /**
   * A sparse file whose parts do not begin and end where blocks do, or of so many and small parts
   * that its index would be larger than it.
   */
  SPARSE_FILE,
  /** An extended attribute of 65,536 bytes, one more than the format counts. */
  ATTRIBUTE_SIZE,
  /** All extended attributes of one file together beyond 262,152 bytes. */
  ATTRIBUTES_SIZE,
  /**
   * An access control list, a capability or an attribute of the system that the kernel would refuse
   * or change when it is set.
   */
  ATTRIBUTE_FORM,
  /** A tar and an index of more than 2^32 blocks of 512 bytes together. */
  TAR_SIZE,
  /** More entries than an index may have. */
  ENTRIES
}
