package io.gatun.snapshot.layer.erofs;

import io.gatun.snapshot.spill.PagedMemory;
import java.io.IOException;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The names of directories, sorted in the order that the kernel requires. Each directory has a
 * search tree with these nodes:
 *
 * <pre>
 *    0  left        reference, names before this one
 *    4  right       reference, names after it
 *    8  prefix      its first eight bytes as a big-endian number, padded with zeros
 *   16  inode       reference; 0 if the name was removed
 *   20  length      one byte, then three unused
 *   24  the name
 * </pre>
 *
 * <p>The trees are treaps: each node has a random priority that is at least that of its children,
 * so no choice of names can make a tree deep. The shape is random, the order is not. Names are
 * never removed; a deleted name can be reused.
 */
public final class NameTree {

  private static final int LEFT = 0;
  private static final int RIGHT = 4;
  private static final int PREFIX = 8;
  private static final int INODE = 16;
  private static final int LENGTH = 20;
  private static final int TEXT = 24;

  /** NAME_MAX of linux/limits.h, which is also the limit of EROFS. */
  public static final int NAME_BYTES_MAX = 255;

  private static final int PREFIX_BYTES = Long.BYTES;

  private final PagedMemory memory;
  private final long seed = new SplittableRandom().nextLong();
  private final byte[] text = new byte[NAME_BYTES_MAX];

  NameTree(PagedMemory memory) {
    this.memory = memory;
  }

  int inode(int name) throws IOException {
    return memory.getInt(PagedMemory.address(name) + INODE);
  }

  void setInode(int name, int inode) throws IOException {
    memory.putInt(PagedMemory.address(name) + INODE, inode);
  }

  private int left(int name) throws IOException {
    return memory.getInt(PagedMemory.address(name) + LEFT);
  }

  private int right(int name) throws IOException {
    return memory.getInt(PagedMemory.address(name) + RIGHT);
  }

  /** {@return the length of a name, which is copied to the start of an array} */
  int text(int name, byte[] into) throws IOException {
    long address = PagedMemory.address(name);
    int length = memory.getByte(address + LENGTH) & 0xff;
    memory.get(address + TEXT, into, length);
    return length;
  }

  /** {@return the node of a name, or 0} */
  int find(int root, byte[] name) throws IOException {
    long prefix = prefix(name);
    int at = root;
    while (at != 0) {
      int order = compare(prefix, name, at);
      if (order == 0) {
        return at;
      }
      at = order < 0 ? left(at) : right(at);
    }
    return 0;
  }

  /**
   * Inserts a name that the tree does not contain.
   *
   * @param root address of the reference to the root of the tree
   */
  int insert(long root, byte[] name) throws IOException {
    int node = memory.allocate(TEXT + name.length);
    long address = PagedMemory.address(node);
    long prefix = prefix(name);
    memory.putLong(address + PREFIX, prefix);
    memory.putByte(address + LENGTH, (byte) name.length);
    memory.put(address + TEXT, name);
    long priority = priority(node);
    long link = root;
    int at = memory.getInt(link);
    while (at != 0 && Long.compareUnsigned(priority(at), priority) >= 0) {
      link = PagedMemory.address(at) + (compare(prefix, name, at) < 0 ? LEFT : RIGHT);
      at = memory.getInt(link);
    }
    memory.putInt(link, node);
    split(at, prefix, name, address);
    return node;
  }

  /** Splits a subtree by a name into the left and right children of its node. */
  private void split(int root, long prefix, byte[] name, long node) throws IOException {
    long before = node + LEFT;
    long after = node + RIGHT;
    int at = root;
    while (at != 0) {
      long address = PagedMemory.address(at);
      if (compare(prefix, name, at) > 0) {
        memory.putInt(before, at);
        before = address + RIGHT;
        at = memory.getInt(before);
      } else {
        memory.putInt(after, at);
        after = address + LEFT;
        at = memory.getInt(after);
      }
    }
    memory.putInt(before, 0);
    memory.putInt(after, 0);
  }

  private int compare(long prefix, byte[] name, int node) throws IOException {
    long address = PagedMemory.address(node);
    int order = Long.compareUnsigned(prefix, memory.getLong(address + PREFIX));
    if (order != 0) {
      return order;
    }
    int length = memory.getByte(address + LENGTH) & 0xff;
    if (name.length <= PREFIX_BYTES || length <= PREFIX_BYTES) {
      // Names contain no NUL, so with equal prefixes the longer one is greater.
      return Integer.compare(name.length, length);
    }
    memory.get(address + TEXT, text, length);
    return Arrays.compareUnsigned(name, PREFIX_BYTES, name.length, text, PREFIX_BYTES, length);
  }

  private static long prefix(byte[] name) {
    long prefix = 0;
    for (int i = 0; i < PREFIX_BYTES; i++) {
      prefix = (prefix << Byte.SIZE) | (i < name.length ? name[i] & 0xff : 0);
    }
    return prefix;
  }

  /** Iterates over the existing names of one directory in order. */
  final class Cursor {

    private int[] above = new int[64];
    private int depth;

    /** Starts with the names below a root. */
    void start(int root) throws IOException {
      depth = 0;
      descend(root);
    }

    /** {@return the next name, or 0} */
    int next() throws IOException {
      while (depth > 0) {
        int name = above[--depth];
        descend(right(name));
        if (inode(name) != 0) {
          return name;
        }
      }
      return 0;
    }

    private void descend(int from) throws IOException {
      for (int at = from; at != 0; at = left(at)) {
        if (depth == above.length) {
          above = Arrays.copyOf(above, 2 * depth);
        }
        above[depth++] = at;
      }
    }
  }

  Cursor cursor() {
    return new Cursor();
  }

  /** The finalizer of splitmix64. */
  private long priority(int node) {
    long mixed = node + seed;
    mixed = (mixed ^ (mixed >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }
}
