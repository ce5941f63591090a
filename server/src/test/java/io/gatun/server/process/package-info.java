/**
 * The daemon as a process of its own, run from the distribution as on a host, and tested over its
 * socket. Uses none of its classes.
 */
@NullMarked
package io.gatun.server.process;

import org.jspecify.annotations.NullMarked;
