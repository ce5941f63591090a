/**
 * A training run: a daemon of its own, in a temporary directory, is put through what daemons do, so
 * that the JVM can write down what it loads and which methods matter (JEP 483, JEP 514, JEP 515).
 * The launcher gives what was written down to later JVMs, which then start in half the time.
 *
 * <p>Everything goes over sockets, as in earnest: only what is used in training is known later.
 */
@NullMarked
package io.gatun.training;

import org.jspecify.annotations.NullMarked;
