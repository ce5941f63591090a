/**
 * Reads tar archives: ustar, GNU and PAX headers, sparse files, extended attributes.
 *
 * <p>{@link TarReader} knows the formats and checks every length against a limit. It does not judge
 * what an entry means for a layer; that is the task of {@code layer.entry}.
 *
 * <p>Accesses no files. Uses paths and times of the native bindings and nothing else of Gatun.
 */
@NullMarked
package io.gatun.snapshot.layer.tar;

import org.jspecify.annotations.NullMarked;
