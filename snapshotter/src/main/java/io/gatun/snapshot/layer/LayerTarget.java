package io.gatun.snapshot.layer;

import io.gatun.linux.LinuxPath;
import java.util.List;

/**
 * Where and how to extract the files of a layer. Paths are absolute.
 *
 * @param files the root directory of the snapshot's own files
 * @param deletions how to represent the layer's deletions
 * @param lowers the root directories of the lower layers, nearest first
 */
public record LayerTarget(LinuxPath files, DeletionForm deletions, List<LinuxPath> lowers) {

  public LayerTarget {
    lowers = List.copyOf(lowers);
  }
}
