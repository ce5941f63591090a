/**
 * A disk whose power can be cut: a file that the kernel writes to through FUSE, a log of everything
 * that it wrote and flushed, and the images that a real drive could show after a cut at any instant
 * of that log.
 *
 * <p>A loop device over the file carries any filesystem, and neither it nor the kernel knows that
 * it is being watched. Uses the native bindings and mount(8); knows nothing of snapshots.
 */
@NullMarked
package io.gatun.server.powercut;

import org.jspecify.annotations.NullMarked;
