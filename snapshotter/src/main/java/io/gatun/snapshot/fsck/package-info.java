/**
 * The verifier of a root that no daemon uses: what is wrong with it, and how that is put right.
 *
 * <p>It knows metadata, directories and drivers, like the engine, but none of their threads. What
 * it finds is a value; only {@link io.gatun.snapshot.fsck.RootRepair} changes anything.
 */
@NullMarked
package io.gatun.snapshot.fsck;

import org.jspecify.annotations.NullMarked;
