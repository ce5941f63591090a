/**
 * What is kept of a layer while it is read, outside of the heap and beyond a limit in a file, since
 * an image decides how much that is.
 *
 * <p>{@link io.gatun.snapshot.spill.PagedMemory} is where it begins. Knows nothing of layers.
 */
@NullMarked
package io.gatun.snapshot.spill;

import org.jspecify.annotations.NullMarked;
