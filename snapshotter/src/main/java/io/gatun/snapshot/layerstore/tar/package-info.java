/**
 * Writes and reads the tar of a stored layer as a file: through the page cache or past it, with the
 * digest of its content on disk.
 *
 * <p>Changes files only through the disk seam. Knows no layer directories; {@code layerstore} does.
 */
@NullMarked
package io.gatun.snapshot.layerstore.tar;

import org.jspecify.annotations.NullMarked;
