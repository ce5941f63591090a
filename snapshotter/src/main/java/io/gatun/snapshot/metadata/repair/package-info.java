/**
 * Checks, salvages and repairs metadata while no daemon has the root open.
 *
 * <p>A check changes nothing. A repair writes a new generation beside the old one and never
 * overwrites the file that it reads.
 *
 * <p>This package uses {@code metadata}, {@code metadata.journal} and {@code root}.
 */
@NullMarked
package io.gatun.snapshot.metadata.repair;

import org.jspecify.annotations.NullMarked;
