/**
 * The unix socket: event loops, the socket file, and the peers that may connect.
 *
 * <p>The socket file belongs to the daemon that holds the lock of the root. A peer is admitted by
 * its user or group id.
 *
 * <p>This package uses {@code config} and netty.
 */
@NullMarked
package io.gatun.server.net;

import org.jspecify.annotations.NullMarked;
