/**
 * The process edge: configuration, transport, conversion between wire and domain, and the life of
 * the daemon.
 *
 * <p>Uses the snapshotter's domain types, the wire types, grpc and netty. Only {@code Daemon}
 * constructs engine, store and drivers. Nothing here touches files below the root; the socket and
 * its directory belong to this package.
 */
@NullMarked
package io.gatun.server;

import org.jspecify.annotations.NullMarked;
