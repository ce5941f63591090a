package io.gatun.snapshot.apply.tree;

import io.gatun.linux.LinuxPath;
import java.util.List;

/**
 * Where a layer goes.
 *
 * @param files the top of the snapshot's files
 * @param deletionForm how what is gone is marked
 * @param lowers the tops of the layers below, nearest first, from which directories that the layer
 *     does not name get their attributes; none where the snapshot holds a copy of what is below
 * @param isWrittenBackEarly whether the content of large files is sent to the disk while the rest
 *     is still to come, which makes a sync at the end short, and costs time if there is none
 */
public record TreeTarget(
    LinuxPath files,
    DeletionForm deletionForm,
    List<LinuxPath> lowers,
    boolean isWrittenBackEarly) {

  public TreeTarget {
    lowers = List.copyOf(lowers);
  }
}
