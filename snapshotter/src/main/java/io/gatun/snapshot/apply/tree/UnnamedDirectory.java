package io.gatun.snapshot.apply.tree;

import io.gatun.linux.LinuxPath;

/**
 * A directory that was made because a layer has something in it, at a place where the layers below
 * may have one, too.
 *
 * @param path from the top, without links on the way
 * @param isNamedLater whether an entry further on in the layer was for it: what that says is so,
 *     and only what it does not say comes from below
 */
public record UnnamedDirectory(LinuxPath path, boolean isNamedLater) {}
