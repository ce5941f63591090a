/**
 * Applying layers, as far as it does not matter what becomes of them: a blob is read, checked,
 * decompressed, hashed and judged, and its entries are handed to a {@link
 * io.gatun.snapshot.layer.tar.LayerConsumer}, which may write a tree or an index, and the
 * uncompressed layer to a {@link io.gatun.snapshot.layer.tar.TarSink}.
 *
 * <pre>
 *   LayerBlob -> VerifyingBlob -> BlobDecoder -> ChunkRing -+-> SHA-256 -> diff id
 *                (a thread of the pool)                   |   (another)
 *                                                         +-> TarSink, TarReader -> LayerReader -> LayerConsumer
 *                                                         |   (the caller's)                       or FileSink
 *                                                         |                                           |
 *                                                         +-> TarCursor -> FileWriteQueue -> OpenedFile <+
 *                                                             (another)
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layer.read.LayerApplier} is where it begins. Reads blobs and changes
 * no file. Uses the native bindings for reading, {@code codec} and {@code layer}; knows neither
 * snapshots nor drivers.
 */
@NullMarked
package io.gatun.snapshot.layer.read;

import org.jspecify.annotations.NullMarked;
