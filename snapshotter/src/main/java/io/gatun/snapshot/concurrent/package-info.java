/**
 * Locks, waiting, prefetching and passing data for code that runs on several threads.
 *
 * <p>This package owns five tools:
 *
 * <ul>
 *   <li>{@link io.gatun.snapshot.concurrent.KeyedLock} lets one caller at a time work on a key. An
 *       unused lock takes no memory.
 *   <li>{@link io.gatun.snapshot.concurrent.Outcomes} waits for results and threads, and passes on
 *       failures.
 *   <li>{@link io.gatun.snapshot.concurrent.Closer} closes resources in reverse order when a start
 *       fails or their owner ends. One failure does not keep the others open.
 *   <li>{@link io.gatun.snapshot.concurrent.Prefetcher} computes values before they are requested,
 *       and releases each one.
 *   <li>{@link io.gatun.snapshot.concurrent.ChunkRing} passes chunks of memory from one thread to
 *       others.
 * </ul>
 *
 * <p>It uses only the JDK, slf4j and the errors of the bindings. It knows no snapshots, layers or
 * files.
 */
@NullMarked
package io.gatun.snapshot.concurrent;

import org.jspecify.annotations.NullMarked;
