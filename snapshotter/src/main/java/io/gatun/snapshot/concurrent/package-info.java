/**
 * Locks, waiting and prefetching for code that runs on several threads.
 *
 * <p>It uses only the JDK, slf4j and the errors of the bindings. It knows no snapshots, layers or
 * files.
 */
@NullMarked
package io.gatun.snapshot.concurrent;

import org.jspecify.annotations.NullMarked;
