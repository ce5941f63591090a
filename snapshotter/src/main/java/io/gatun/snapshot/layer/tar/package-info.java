/**
 * Reads and validates the tar of a layer, independent of what is created from it.
 *
 * <p>{@link TarReader} knows the formats and checks every length against a limit; {@link
 * LayerReader} interprets each entry or refuses it. Consumers of entries, which write a tree or an
 * index, need no further checks.
 *
 * <p>Accesses no files. Uses paths and times of the native bindings and nothing else of Gatun.
 */
@NullMarked
package io.gatun.snapshot.layer.tar;

import org.jspecify.annotations.NullMarked;
