/** Benchmarks of package-private code of the server; see {@link io.gatun.bench}. */
@NullMarked
package io.gatun.server;

import org.jspecify.annotations.NullMarked;
