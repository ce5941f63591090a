package io.gatun.snapshot.layer.erofs;

import java.io.IOException;
import java.util.Arrays;

/**
 * The entries of one directory, including {@code .} and {@code ..}, in the order of the kernel's
 * search: by unsigned bytes.
 */
final class DirectoryEntries {

  private static final byte[][] DOTS = {{'.'}, {'.', '.'}};

  private final IndexTree tree;
  private final NameTree.Cursor cursor;

  /** The next name, if there is one; becomes the current one when it is returned. */
  private final byte[] ahead = new byte[NameTree.NAME_BYTES_MAX];

  private int aheadName;
  private int aheadLength;
  private boolean isAheadTaken;

  /** How many of the dots have been returned. */
  private int dots;

  private int directory;
  private int inode;
  private byte[] text = ahead;
  private int length;

  DirectoryEntries(IndexTree tree) {
    this.tree = tree;
    this.cursor = tree.names().cursor();
  }

  void start(int newDirectory) throws IOException {
    directory = newDirectory;
    cursor.start(tree.inodes().names(newDirectory));
    dots = 0;
    isAheadTaken = true;
  }

  /** {@return whether there is another entry, which then is the current one} */
  boolean next() throws IOException {
    if (isAheadTaken) {
      aheadName = cursor.next();
      aheadLength = aheadName == 0 ? 0 : tree.names().text(aheadName, ahead);
      isAheadTaken = false;
    }
    if (dots < DOTS.length && (aheadName == 0 || isBeforeAhead(DOTS[dots]))) {
      text = DOTS[dots];
      length = text.length;
      inode = dots == 0 ? directory : tree.inodes().parent(directory);
      dots++;
      return true;
    }
    if (aheadName == 0) {
      return false;
    }
    isAheadTaken = true;
    text = ahead;
    length = aheadLength;
    inode = tree.names().inode(aheadName);
    return true;
  }

  private boolean isBeforeAhead(byte[] name) {
    return Arrays.compareUnsigned(name, 0, name.length, ahead, 0, aheadLength) < 0;
  }

  /** {@return the name, at the start of an array that the next entry overwrites} */
  byte[] text() {
    return text;
  }

  int length() {
    return length;
  }

  int inode() {
    return inode;
  }
}
