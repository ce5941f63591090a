package io.gatun.snapshot.layer.erofs;

/**
 * The reasons why a layer can be extracted into a directory but not indexed. The list is closed:
 * every other valid layer has an index.
 */
public enum NotIndexable {
  /**
   * A sparse file whose extents are not aligned to blocks, or are so many and small that the index
   * would be larger than the file.
   */
  SPARSE_FILE,
  /** An extended attribute of 65,536 bytes, one more than the format can count. */
  ATTRIBUTE_SIZE,
  /** The extended attributes of one file exceed 262,152 bytes in total. */
  ATTRIBUTES_SIZE,
  /**
   * An access control list, a capability or a system attribute that the kernel would refuse or
   * change when it is set.
   */
  ATTRIBUTE_FORM,
  /** Tar and index have more than 2^32 blocks of 512 bytes in total. */
  TAR_SIZE,
  /** More entries than an index supports. */
  ENTRIES
}
