/**
 * Layer blobs, and the operations on them.
 *
 * <p>These types are the contract between the server and the code that unpacks, packs and converts
 * layers: the blob and its source, the target, the result, cancellation, and the hint about the
 * next layer.
 *
 * <p>This package uses only the vocabulary of {@code io.gatun.snapshot} and the bindings.
 */
@NullMarked
package io.gatun.snapshot.layer;

import org.jspecify.annotations.NullMarked;
