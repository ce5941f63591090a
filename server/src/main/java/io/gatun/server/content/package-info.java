/**
 * Blobs in containerd's content store: reading and writing.
 *
 * <p>A blob is read from containerd's directory if the file can be opened there, else over the
 * connection. Nothing that containerd stores is trusted before its digest has been checked.
 *
 * <p>This package uses the wire types and {@code io.gatun.snapshot.layer}.
 */
@NullMarked
package io.gatun.server.content;

import org.jspecify.annotations.NullMarked;
