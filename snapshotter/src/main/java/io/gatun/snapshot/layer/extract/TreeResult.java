package io.gatun.snapshot.layer.extract;

import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import java.util.Optional;

/**
 * The result of extracting a layer.
 *
 * @param usage of the snapshot, as a walk would count it
 * @param implicitDirectories those that inherit attributes, or would; empty if the list exceeds its
 *     limit
 * @param hasMarks whether the layer wrote marks of deletions into the tree, even if some were
 *     removed again
 */
public record TreeResult(
    Usage usage, Optional<ImplicitDirectoryList> implicitDirectories, boolean hasMarks) {}
