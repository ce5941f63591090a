/**
 * The metadata store: which snapshots there are. A journal is the truth, a Chronicle Map the index
 * of it.
 *
 * <p>Writes through the disk seam. Knows neither drivers nor directories of snapshots; that a
 * change makes sense is for the engine to see to, but that no key is given twice is checked here.
 */
@NullMarked
package io.gatun.snapshot.metadata;

import org.jspecify.annotations.NullMarked;
