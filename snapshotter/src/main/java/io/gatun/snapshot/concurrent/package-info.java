/**
 * Shared tools for threads.
 *
 * <p>{@link io.gatun.snapshot.concurrent.KeyedLock} lets one caller at a time work on a key. {@link
 * io.gatun.snapshot.concurrent.Outcomes} waits for results and passes on failures. {@link
 * io.gatun.snapshot.concurrent.Closer} closes what was opened when a start fails or its owner ends.
 * {@link io.gatun.snapshot.concurrent.Prefetcher} computes values before they are requested.
 *
 * <p>This package uses only the JDK and the bindings. It knows no snapshots, layers or files.
 */
@NullMarked
package io.gatun.snapshot.concurrent;

import org.jspecify.annotations.NullMarked;
