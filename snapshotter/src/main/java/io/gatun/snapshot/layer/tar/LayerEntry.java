package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import java.util.List;

/**
 * What an entry says to whoever makes a tree or an index of a layer. The set is closed, and what
 * its members hold has been judged: nothing here can name a place outside the layer by itself.
 */
public sealed interface LayerEntry {

  /** {@return where it is in the layer} */
  LayerPath path();

  /** An entry that makes something. */
  sealed interface Creation extends LayerEntry {

    /** {@return what the thing is to have besides its content} */
    LayerAttributes attributes();
  }

  /** A directory; one that is there stays and gets these attributes. */
  record Directory(LayerPath path, LayerAttributes attributes) implements Creation {}

  /**
   * A file.
   *
   * @param sizeBytes its length
   * @param extents its parts that follow as content; the rest is holes
   * @param contentOffset where the first of them is in the tar
   */
  record RegularFile(
      LayerPath path,
      LayerAttributes attributes,
      long sizeBytes,
      List<TarExtent> extents,
      long contentOffset)
      implements Creation {}

  /**
   * A symbolic link.
   *
   * @param target stored as it is, whatever it names
   */
  record SymbolicLink(LayerPath path, LayerAttributes attributes, LinuxPath target)
      implements Creation {}

  /**
   * One more name for a file, whose attributes become these.
   *
   * @param target the file, itself if it is a symbolic link
   */
  record HardLink(LayerPath path, LayerAttributes attributes, LayerPath target)
      implements Creation {}

  /**
   * A device or a named pipe.
   *
   * @param type one of these three
   * @param major 0 for a pipe
   * @param minor 0 for a pipe
   */
  record Node(LayerPath path, LayerAttributes attributes, NodeType type, int major, int minor)
      implements Creation {}

  /**
   * Hides what lower layers have there.
   *
   * @param uid the owner that the marker file has
   * @param gid its group
   */
  record Whiteout(LayerPath path, int uid, int gid) implements LayerEntry {}

  /**
   * Hides everything that lower layers have in a directory.
   *
   * @param path that of the marker, whose directory is meant
   */
  record OpaqueDirectory(LayerPath path) implements LayerEntry {}
}
