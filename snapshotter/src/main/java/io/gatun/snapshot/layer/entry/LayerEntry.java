package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.layer.tar.TarExtent;
import java.util.List;

/**
 * A validated entry of a layer, for consumers that create a tree or an index. The set is closed,
 * and no path in an entry leaves the layer by itself.
 */
public sealed interface LayerEntry {

  LayerPath path();

  /** An entry that creates a file. */
  sealed interface Creation extends LayerEntry {
    LayerAttributes attributes();
  }

  /** A directory; an existing one stays and gets these attributes. */
  record Directory(LayerPath path, LayerAttributes attributes) implements Creation {}

  /**
   * A regular file.
   *
   * @param extents its parts with content; the rest is holes
   * @param contentOffset offset of the first part in the tar
   */
  record RegularFile(
      LayerPath path,
      LayerAttributes attributes,
      long sizeBytes,
      List<TarExtent> extents,
      long contentOffset)
      implements Creation {}

  /** A symbolic link, whose target is stored unchanged, whatever it names. */
  record SymbolicLink(LayerPath path, LayerAttributes attributes, LinuxPath target)
      implements Creation {}

  /**
   * Another name for a file, which also gets these attributes.
   *
   * @param target the file; if it is a symbolic link, the link itself
   */
  record HardLink(LayerPath path, LayerAttributes attributes, LayerPath target)
      implements Creation {}

  /** A device or a FIFO, whose numbers are 0. */
  record Node(LayerPath path, LayerAttributes attributes, NodeType type, int major, int minor)
      implements Creation {}

  /** Hides a path of lower layers; the owner and group are those of the whiteout file. */
  record Whiteout(LayerPath path, int uid, int gid) implements LayerEntry {}

  /**
   * Hides the content that lower layers have in a directory.
   *
   * @param path of the marker in that directory
   */
  record OpaqueDirectory(LayerPath path) implements LayerEntry {}
}
