/**
 * The metadata store: the durable records of all snapshots. The journal is authoritative; Chronicle
 * Maps index it.
 *
 * <p>Writes through the disk seam. Knows neither drivers nor snapshot directories. The engine
 * decides whether a change makes sense; this package only ensures that names are unique.
 */
@NullMarked
package io.gatun.snapshot.metadata;

import org.jspecify.annotations.NullMarked;
