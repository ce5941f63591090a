package io.gatun.snapshot.layer;

import io.gatun.linux.LinuxPath;
import java.util.List;

/**
 * Where the files of a layer are to be put, and in which form. Paths are absolute.
 *
 * @param files the top of the snapshot's own files
 * @param deletions what the layer's deletions become
 * @param lowers the tops of the layers below, nearest first, that are seen through the snapshot
 */
public record LayerTarget(LinuxPath files, DeletionForm deletions, List<LinuxPath> lowers) {

  public LayerTarget {
    lowers = List.copyOf(lowers);
  }
}
