/**
 * A disk whose power can be cut: a file that the kernel writes to through FUSE, a log of all its
 * writes and flushes, and the images that a real drive could show after a cut at any position of
 * that log.
 *
 * <p>A loop device over the file can have any filesystem, and neither it nor the kernel is aware of
 * the log. Uses the native bindings and mount(8); knows nothing of snapshots.
 */
@NullMarked
package io.gatun.server.powercut;

import org.jspecify.annotations.NullMarked;
