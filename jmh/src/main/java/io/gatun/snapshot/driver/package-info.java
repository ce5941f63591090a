/** Benchmarks of package-private code of the drivers; see {@link io.gatun.bench}. */
@NullMarked
package io.gatun.snapshot.driver;

import org.jspecify.annotations.NullMarked;
