package io.gatun.snapshot.apply.tree;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Usage;
import java.util.List;

/**
 * What has become of a layer.
 *
 * @param usage what the snapshot takes, as a walk of it would count
 * @param unnamedDirectories the directories that were made because the layer has something in them,
 *     and that it does not name itself, so that their attributes are not its own: paths from the
 *     top, without links on the way
 */
public record TreeResult(Usage usage, List<LinuxPath> unnamedDirectories) {

  public TreeResult {
    unnamedDirectories = List.copyOf(unnamedDirectories);
  }
}
