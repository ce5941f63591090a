/** Benchmarks of package-private code of the bindings; see {@link io.gatun.bench}. */
@NullMarked
package io.gatun.linux;

import org.jspecify.annotations.NullMarked;
