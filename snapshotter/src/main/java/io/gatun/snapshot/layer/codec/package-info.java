/**
 * Decompression of layer blobs: {@link io.gatun.snapshot.layer.codec.BlobDecoder} detects the
 * compression from the first bytes, as containerd does. And compression: {@link
 * io.gatun.snapshot.layer.codec.Compressor}.
 *
 * <p>Uses the bindings of ISA-L, zstd's own library, and the exceptions for layers. Knows no files,
 * no threads and no tar.
 */
@NullMarked
package io.gatun.snapshot.layer.codec;

import org.jspecify.annotations.NullMarked;
