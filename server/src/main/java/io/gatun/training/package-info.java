/**
 * A training run: exercises a daemon in a temporary directory so that the JVM can record the
 * classes that it loads and the methods that matter (JEP 483, JEP 514, JEP 515). The launcher
 * passes the recording to later JVMs, which then start in half the time.
 *
 * <p>Everything goes over sockets, as in production: later starts profit only from code that the
 * training used.
 */
@NullMarked
package io.gatun.training;

import org.jspecify.annotations.NullMarked;
