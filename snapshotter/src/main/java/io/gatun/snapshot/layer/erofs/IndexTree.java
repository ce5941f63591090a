package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.spill.PagedMemory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The tree of a layer while it is read: names, inodes and extended attributes in one memory.
 *
 * <p>The layer's root is {@code fs}, the only entry of the index's root. An unused mount point has
 * no {@code fs}, so an unmounted layer is missing rather than empty.
 */
public final class IndexTree implements AutoCloseable {

  private static final byte[] TOP = {'f', 's'};
  private static final int ROOT_MODE = Inodes.DIRECTORY | 0755;

  private final PagedMemory memory;
  private final NameTree names;
  private final Inodes inodes;
  private final XattrRecords xattrs;
  private final int root;
  private final int top;

  public IndexTree(PagedMemory memory) throws IOException {
    this.memory = memory;
    this.names = new NameTree(memory);
    this.inodes = new Inodes(memory);
    this.xattrs = new XattrRecords(memory);
    this.root = inodes.create(ROOT_MODE);
    inodes.place(root, root, 0);
    this.top = inodes.create(Inodes.DIRECTORY);
    enter(root, TOP, top);
  }

  NameTree names() {
    return names;
  }

  public Inodes inodes() {
    return inodes;
  }

  public XattrRecords xattrs() {
    return xattrs;
  }

  int root() {
    return root;
  }

  public int top() {
    return top;
  }

  /** {@return the inode of a name in a directory, or 0} */
  public int find(int directory, byte[] name) throws IOException {
    int found = names.find(inodes.names(directory), name);
    return found == 0 ? 0 : names.inode(found);
  }

  /** Adds an unused name to an inode. */
  public void enter(int directory, byte[] name, int inode) throws IOException {
    int node = names.find(inodes.names(directory), name);
    if (node == 0) {
      node = names.insert(inodes.namesAddress(directory), name);
    }
    names.setInode(node, inode);
    if (inodes.isDirectory(inode)) {
      inodes.place(inode, directory, node);
      inodes.addLinks(directory, 1);
    } else {
      inodes.addLinks(inode, 1);
    }
  }

  /** Removes a name and, if it is a directory, everything below it. */
  public void remove(int directory, byte[] name) throws IOException {
    int node = names.find(inodes.names(directory), name);
    int inode = names.inode(node);
    names.setInode(node, 0);
    if (!inodes.isDirectory(inode)) {
      inodes.addLinks(inode, -1);
      return;
    }
    inodes.addLinks(directory, -1);
    removeAllIn(inode);
  }

  /** Decrements the link counts of the files below a removed directory. */
  private void removeAllIn(int directory) throws IOException {
    NameTree.Cursor cursor = names.cursor();
    int last = directory;
    for (int at = directory; at != 0; at = inodes.next(at)) {
      cursor.start(inodes.names(at));
      for (int name = cursor.next(); name != 0; name = cursor.next()) {
        int inode = names.inode(name);
        if (inodes.isDirectory(inode)) {
          inodes.setNext(last, inode);
          last = inode;
        } else {
          inodes.addLinks(inode, -1);
        }
      }
    }
  }

  /** {@return the path of a directory from the layer's root; empty for the root itself} */
  public LinuxPath path(int directory) throws IOException {
    List<Integer> nodes = new ArrayList<>();
    for (int at = directory; at != top; at = inodes.parent(at)) {
      nodes.add(inodes.name(at));
    }
    byte[] name = new byte[NameTree.NAME_BYTES_MAX];
    ByteArrayOutputStream path = new ByteArrayOutputStream();
    for (int node : nodes.reversed()) {
      if (path.size() > 0) {
        path.write('/');
      }
      path.write(name, 0, names.text(node, name));
    }
    return LinuxPath.wrap(path.toByteArray());
  }

  /** {@return the target of a symbolic link} */
  public byte[] target(int link) throws IOException {
    byte[] target = new byte[(int) inodes.size(link)];
    memory.get(PagedMemory.address(inodes.content(link)), target, target.length);
    return target;
  }

  public boolean isWhiteout(int inode) throws IOException {
    return inodes.type(inode) == Inodes.CHARACTER_DEVICE && inodes.content(inode) == 0;
  }

  @Override
  public void close() {
    memory.close();
  }
}
