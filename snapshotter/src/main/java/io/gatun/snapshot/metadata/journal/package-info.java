/**
 * The files of the metadata store: journal, checkpoints, and the numbers that connect them.
 *
 * <p>Journal and checkpoints are authoritative. A fault in the last batch of a journal is a torn
 * tail; a fault before it is corruption and refused. Each class documents its own format.
 *
 * <p>This package uses only {@code root} and the bindings. It does not know Chronicle Map.
 */
@NullMarked
package io.gatun.snapshot.metadata.journal;

import org.jspecify.annotations.NullMarked;
