/** Benchmarks of what is private to the drivers; see {@link io.gatun.bench}. */
@NullMarked
package io.gatun.snapshot.driver;

import org.jspecify.annotations.NullMarked;
