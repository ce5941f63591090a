/**
 * Applies layers, independent of the target: reads, verifies, decompresses, hashes and validates a
 * blob, and passes its entries to a {@link io.gatun.snapshot.layer.entry.LayerConsumer}, which may
 * write a tree or an index, and the uncompressed layer to a {@link
 * io.gatun.snapshot.layer.tar.TarSink}.
 *
 * <pre>
 *   LayerBlob -> BlobInput -> BlobDecoder -> ChunkRing -+-> SHA-256 -> diff id
 *                (pool thread) (pool thread)            |   (pool thread)
 *                                                       +-> TarSink, TarReader -> LayerReader -> LayerConsumer
 *                                                       |   (caller's thread)                    or FileSink
 *                                                       |                                           |
 *                                                       +-> FileWriteQueue -> OpenedFile <----------+
 *                                                           (pool thread)
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layer.read.LayerPipeline} is the entry point. Reads blobs and changes
 * no files. Uses the native bindings for reading, {@code codec} and {@code layer}; knows no
 * snapshots or drivers.
 */
@NullMarked
package io.gatun.snapshot.layer.read;

import org.jspecify.annotations.NullMarked;
