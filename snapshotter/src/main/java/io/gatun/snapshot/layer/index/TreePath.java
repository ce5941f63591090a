package io.gatun.snapshot.layer.index;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layer.erofs.IndexTree;
import io.gatun.snapshot.layer.erofs.NameTree;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The paths of directories in a tree. */
final class TreePath {

  private final IndexTree tree;
  private final byte[] name = new byte[NameTree.NAME_BYTES_MAX];

  TreePath(IndexTree tree) {
    this.tree = tree;
  }

  /** {@return the path of a directory from the layer's root; empty for the root itself} */
  LinuxPath of(int directory) throws IOException {
    List<Integer> names = new ArrayList<>();
    for (int at = directory; at != tree.top(); at = tree.inodes().parent(at)) {
      names.add(tree.inodes().name(at));
    }
    ByteArrayOutputStream path = new ByteArrayOutputStream();
    for (int node : names.reversed()) {
      if (path.size() > 0) {
        path.write('/');
      }
      path.write(name, 0, tree.names().text(node, name));
    }
    return LinuxPath.ofBytes(path.toByteArray());
  }
}
