/**
 * The life of snapshots as a whole: random operations on the engine, held against a plain model.
 *
 * <p>The model says what containerd's own store would answer. It is itself held against that store,
 * where containerd's sources are installed, and the comparison is held against models that are
 * wrong on purpose.
 */
@NullMarked
package io.gatun.snapshot.lifecycle;

import org.jspecify.annotations.NullMarked;
