package io.gatun.snapshot.layer.erofs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The positions of extended attributes in an index: shared ones in an area of their own, the others
 * after their inodes.
 */
final class XattrPlaces {

  private final IndexTree tree;
  private final List<IndexXattr> shared;
  private final Map<IndexXattr, Integer> places = new HashMap<>();
  private final long sharedBytes;
  private final boolean hasOpaqueMarks;

  XattrPlaces(IndexTree tree, IndexForm form) {
    this.tree = tree;
    this.shared = tree.xattrs().shared();
    this.hasOpaqueMarks = form == IndexForm.OVERLAY;
    int at = 0;
    for (IndexXattr xattr : shared) {
      // fs/erofs/xattr.h: the id of a shared attribute counts units of four bytes.
      places.put(xattr, at / Integer.BYTES);
      at += xattr.entryBytes();
    }
    this.sharedBytes = at;
  }

  long sharedBytes() {
    return sharedBytes;
  }

  int bytes(int inode) throws IOException {
    List<IndexXattr> all = all(inode);
    if (all.isEmpty()) {
      return 0;
    }
    int bytes = Erofs.XATTR_HEADER_BYTES;
    int sharedCount = 0;
    for (IndexXattr xattr : all) {
      if (isShared(xattr, sharedCount)) {
        sharedCount++;
        bytes += Integer.BYTES;
      } else {
        bytes += xattr.entryBytes();
      }
    }
    return bytes;
  }

  /** {@return {@code i_xattr_icount} for a size} */
  static int count(int bytes) {
    return bytes == 0 ? 0 : (bytes - Erofs.XATTR_HEADER_BYTES) / Integer.BYTES + 1;
  }

  void write(int inode, ImageFile image) throws IOException {
    List<IndexXattr> all = all(inode);
    if (all.isEmpty()) {
      return;
    }
    List<IndexXattr> inline = new ArrayList<>();
    List<Integer> ids = new ArrayList<>();
    for (IndexXattr xattr : all) {
      if (isShared(xattr, ids.size())) {
        ids.add(places.get(xattr));
      } else {
        inline.add(xattr);
      }
    }
    image.putInt(0);
    image.putByte(ids.size());
    image.padTo(image.position() + Erofs.XATTR_HEADER_BYTES - Integer.BYTES - Byte.BYTES);
    for (int id : ids) {
      image.putInt(id);
    }
    for (IndexXattr xattr : inline) {
      write(xattr, image);
    }
  }

  void writeShared(ImageFile image) throws IOException {
    for (IndexXattr xattr : shared) {
      write(xattr, image);
    }
  }

  private boolean isShared(IndexXattr xattr, int before) {
    return before < Erofs.XATTRS_SHARED_MAX && places.containsKey(xattr);
  }

  private List<IndexXattr> all(int inode) throws IOException {
    List<IndexXattr> named = tree.xattrs().load(tree.inodes().xattrs(inode));
    if (!hasOpaqueMarks || !tree.inodes().isMarked(inode, Inodes.OPAQUE)) {
      return named;
    }
    List<IndexXattr> all = new ArrayList<>(named);
    all.add(IndexXattr.OPAQUE);
    return all;
  }

  private static void write(IndexXattr xattr, ImageFile image) throws IOException {
    long end = image.position() + xattr.entryBytes();
    image.putByte(xattr.name().length);
    image.putByte(xattr.prefix().number);
    image.putShort(xattr.value().length);
    image.put(xattr.name());
    image.put(xattr.value());
    image.padTo(end);
  }
}
