/**
 * Benchmarks of single functions, one class for each question, and the program that runs them.
 *
 * <p>This package has the benchmarks of public interfaces, and shared code. A benchmark of
 * package-private code is in a package of the same name. {@code jmh/README.md} lists the questions.
 * Nothing depends on this module, and no result passes or fails a build.
 */
@NullMarked
package io.gatun.bench;

import org.jspecify.annotations.NullMarked;
