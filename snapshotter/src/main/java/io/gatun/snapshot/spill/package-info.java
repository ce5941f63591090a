/**
 * Off-heap memory with a file as overflow, for data about a layer during its apply: its size
 * depends on the image.
 *
 * <p>Start at {@link io.gatun.snapshot.spill.PagedMemory}. Knows nothing of layers.
 */
@NullMarked
package io.gatun.snapshot.spill;

import org.jspecify.annotations.NullMarked;
