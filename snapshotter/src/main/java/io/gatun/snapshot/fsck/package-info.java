/**
 * Checks and repairs a root that no daemon uses.
 *
 * <p>It knows metadata, directories and drivers, like the engine, but none of their threads.
 * Findings are values; only {@link io.gatun.snapshot.fsck.RootRepair} changes anything.
 */
@NullMarked
package io.gatun.snapshot.fsck;

import org.jspecify.annotations.NullMarked;
