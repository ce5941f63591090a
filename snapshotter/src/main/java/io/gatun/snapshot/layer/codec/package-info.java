/**
 * Decompression of layer blobs, whatever they say they are: {@link
 * io.gatun.snapshot.layer.codec.BlobDecoder} goes by their first bytes, as containerd does. And the
 * way back, {@link io.gatun.snapshot.layer.codec.Compressor}.
 *
 * <p>Uses the bindings of ISA-L, zstd's own library, and what fails a layer. Knows no files, no
 * threads and no tar.
 */
@NullMarked
package io.gatun.snapshot.layer.codec;

import org.jspecify.annotations.NullMarked;
