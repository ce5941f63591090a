/**
 * The few tools for threads that several packages share.
 *
 * <p>{@link io.gatun.snapshot.concurrent.KeyedLock} lets one caller at a time work on a key. {@link
 * io.gatun.snapshot.concurrent.Outcomes} waits for results and hands on their failures. {@link
 * io.gatun.snapshot.concurrent.Closer} closes what was opened so far, when a start fails or at the
 * end.
 *
 * <p>This package uses only the JDK and the bindings. It knows no snapshots, layers or files.
 */
@NullMarked
package io.gatun.snapshot.concurrent;

import org.jspecify.annotations.NullMarked;
