/**
 * containerd's own metadata store, filters and applier of layers, asked through a program in Go, to
 * compare ours with.
 *
 * <p>Needs Go and the sources of containerd as Debian packages them, which scripts/setup installs;
 * without them these tests fail.
 */
@NullMarked
package io.gatun.snapshot.containerd;

import org.jspecify.annotations.NullMarked;
