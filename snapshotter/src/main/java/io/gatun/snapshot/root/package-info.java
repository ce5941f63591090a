/**
 * The seam for all durable effects, which lets a test count, fail or stop at any of them, and the
 * layout of a root on disk. {@link io.gatun.snapshot.root.Shortage} tells which failures pass.
 *
 * <p>Uses the native bindings. Nothing outside this package and the native bindings may change a
 * file.
 */
@NullMarked
package io.gatun.snapshot.root;

import org.jspecify.annotations.NullMarked;
