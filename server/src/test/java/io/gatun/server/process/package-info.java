/**
 * The daemon as a process of its own, run from the distribution as a host would run it, and asked
 * over its socket. Uses nothing of what is inside of it.
 */
@NullMarked
package io.gatun.server.process;

import org.jspecify.annotations.NullMarked;
