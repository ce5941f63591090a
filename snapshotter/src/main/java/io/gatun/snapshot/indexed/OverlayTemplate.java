package io.gatun.snapshot.indexed;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import java.util.List;

/**
 * The index of a layer for a parent from which it inherits nothing, built before the parent is
 * known. A commit then need not build an index while containerd waits with its metadata locked.
 *
 * @param index the digest of the index
 * @param implicit the implicit directories of the layer. If the layers below have one of them, the
 *     layer needs another index
 */
public record OverlayTemplate(Digest index, List<LinuxPath> implicit) {

  public OverlayTemplate {
    implicit = List.copyOf(implicit);
  }
}
