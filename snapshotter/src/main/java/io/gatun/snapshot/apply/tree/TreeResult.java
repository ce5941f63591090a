package io.gatun.snapshot.apply.tree;

import io.gatun.snapshot.Usage;
import java.util.List;

/**
 * What has become of a layer.
 *
 * @param usage what the snapshot takes, as a walk of it would count
 * @param unnamedDirectories the directories that have, or would have, attributes of those below:
 *     each before what is in it
 * @param hasMarks whether the layer has put marks into the tree that stand for deletions, some of
 *     which may be gone again
 */
public record TreeResult(Usage usage, List<UnnamedDirectory> unnamedDirectories, boolean hasMarks) {

  public TreeResult {
    unnamedDirectories = List.copyOf(unnamedDirectories);
  }
}
