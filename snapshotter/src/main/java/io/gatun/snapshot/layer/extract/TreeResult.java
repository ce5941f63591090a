package io.gatun.snapshot.layer.extract;

import io.gatun.snapshot.Usage;
import java.util.Optional;

/**
 * What has become of a layer.
 *
 * @param usage what the snapshot takes, as a walk of it would count
 * @param implicitDirectories the directories that have, or would have, attributes of those below;
 *     nothing if these are too many to be kept
 * @param hasMarks whether the layer has put marks into the tree that stand for deletions, some of
 *     which may be gone again
 */
public record TreeResult(
    Usage usage, Optional<ImplicitDirectoryList> implicitDirectories, boolean hasMarks) {}
