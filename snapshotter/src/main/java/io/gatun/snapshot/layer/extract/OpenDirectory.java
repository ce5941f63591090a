package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;

/**
 * A directory of the tree that is open.
 *
 * @param path from the top, without links on the way
 * @param isPlain whether what is made in it has the owner, the group and the mode that it was made
 *     with
 */
record OpenDirectory(Fd fd, LinuxPath path, boolean isPlain) {}
