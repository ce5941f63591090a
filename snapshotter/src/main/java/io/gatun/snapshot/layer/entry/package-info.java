/**
 * Judges the entries of a layer: cleans paths, tells whiteouts from files, checks extended
 * attributes.
 *
 * <p>{@link LayerReader} turns each tar entry into a {@link LayerEntry} or refuses it. Consumers of
 * entries, which write a tree or an index, need no further checks.
 *
 * <p>Accesses no files. Uses {@code layer.tar}.
 */
@NullMarked
package io.gatun.snapshot.layer.entry;

import org.jspecify.annotations.NullMarked;
