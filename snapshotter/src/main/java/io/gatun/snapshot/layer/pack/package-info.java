/**
 * Makes layers: what a snapshot of the overlay driver changes of its parents, straight from its own
 * files, as a tar that is hashed, compressed and handed on while it is read.
 *
 * <pre>
 *   ChangeWalk -> TarWriter -> ChunkExchange -> SHA-256, Compressor -> SHA-256, BlobSink
 *   (the caller's thread)      (bounded)        (another one)
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layer.pack.LayerPacker} is where it begins. {@code apply} reads what
 * is written here. Changes no file; reads through the native bindings. Uses the codecs and the hash
 * of {@code apply} and the drivers' way through a tree; knows neither the metadata store nor the
 * engine.
 */
@NullMarked
package io.gatun.snapshot.layer.pack;

import org.jspecify.annotations.NullMarked;
