package io.gatun.snapshot.layer;

import java.time.Instant;
import java.util.Optional;

/**
 * What a layer is to look like.
 *
 * @param compression of the tar
 * @param latest the time of whatever is later, and of what has no time of its own; if there is
 *     none, that is 1970
 */
public record LayerFormat(Compression compression, Optional<Instant> latest) {}
