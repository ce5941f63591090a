package io.gatun.snapshot.indexed;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import java.util.List;

/**
 * The index of a layer that is on top of others and inherits nothing from them, made before they
 * are known: so that it need not be made while containerd waits for a commit with its own metadata
 * locked.
 *
 * @param index its digest
 * @param implicit the directories that the layer needs and does not name. If there is one of them
 *     in the layers below, it has to be another index
 */
public record OverlayTemplate(Digest index, List<LinuxPath> implicit) {

  public OverlayTemplate {
    implicit = List.copyOf(implicit);
  }
}
