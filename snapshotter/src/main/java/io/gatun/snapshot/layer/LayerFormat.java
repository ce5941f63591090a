package io.gatun.snapshot.layer;

import java.time.Instant;
import java.util.Optional;

/**
 * The requested form of a new layer.
 *
 * @param compression of the tar
 * @param latest replaces later times, and is the time of entries without their own; 1970 if empty
 */
public record LayerFormat(Compression compression, Optional<Instant> latest) {}
