/**
 * Benchmarks of single functions, one class for each question, and the program that runs them.
 *
 * <p>Here are those that ask through what a module shows to others, and what all of them share. A
 * question about something that is private to a package has its class in a package of the same
 * name. {@code jmh/README.md} says what each answers. Nothing depends on this, and no number that
 * comes out of it passes or fails anything.
 */
@NullMarked
package io.gatun.bench;

import org.jspecify.annotations.NullMarked;
