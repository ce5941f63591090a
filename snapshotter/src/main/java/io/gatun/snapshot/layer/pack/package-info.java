/**
 * Creates layers from the changes of an overlay snapshot, read directly from its own files, as a
 * tar that is hashed, compressed and passed on while it is read.
 *
 * <pre>
 *   ChangeWalk -> TarWriter -> ChunkRing -> SHA-256, Compressor -> SHA-256, BlobSink
 *   (caller's thread)          (bounded)    (second thread)
 * </pre>
 *
 * <p>{@link io.gatun.snapshot.layer.pack.LayerPacker} is the entry point; {@code layer.read} reads
 * what it writes. Changes no files; reads through the native bindings. Uses the codecs and hash of
 * {@code layer.codec} and the tree walk of {@code filetree}; knows no metadata store and no engine.
 */
@NullMarked
package io.gatun.snapshot.layer.pack;

import org.jspecify.annotations.NullMarked;
