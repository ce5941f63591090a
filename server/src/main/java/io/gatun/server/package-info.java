/**
 * The process edge: configuration, transport, conversion between wire and domain, and the life of
 * the daemon.
 *
 * <p>Uses the snapshotter's domain types, the wire types, grpc and netty. The one class that calls
 * the constructors of engine, store and drivers is {@code DaemonFactory}. Nothing here touches what
 * lies below the root; the socket and the directory it is in are this package's own.
 */
@NullMarked
package io.gatun.server;

import org.jspecify.annotations.NullMarked;
