package io.gatun.snapshot.layer.erofs;

import java.io.IOException;
import java.util.Arrays;

/**
 * The entries of one directory in the order in which the kernel searches them: by bytes, unsigned,
 * with {@code .} and {@code ..} among them.
 */
final class DirectoryEntries {

  private static final byte[][] DOTS = {{'.'}, {'.', '.'}};

  private final IndexTree tree;
  private final NameCursor cursor;

  /** The name that comes next, if there is any; it is the current one until the entry after it. */
  private final byte[] ahead = new byte[NameTree.NAME_BYTES_MAX];

  private int aheadName;
  private int aheadLength;
  private boolean isAheadTaken;

  /** How many of the dots have been given. */
  private int dots;

  private int directory;
  private int inode;
  private byte[] text = ahead;
  private int length;

  DirectoryEntries(IndexTree tree) {
    this.tree = tree;
    this.cursor = new NameCursor(tree.names());
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

  /** {@return the name, at the start of an array that changes with the next entry} */
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
