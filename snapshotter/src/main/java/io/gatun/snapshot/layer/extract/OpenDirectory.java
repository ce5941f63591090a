package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;

/**
 * An open directory of the tree.
 *
 * @param path from the root, without links
 * @param isPlain whether new entries keep the owner, group and mode that they are created with
 */
record OpenDirectory(Fd fd, LinuxPath path, boolean isPlain) {}
