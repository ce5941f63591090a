/**
 * The unix socket: event loops, the socket file, and who may connect.
 *
 * <p>The socket file belongs to the daemon that holds the lock of the root. A peer is admitted by
 * its user id.
 *
 * <p>This package uses {@code config} and netty.
 */
@NullMarked
package io.gatun.server.net;

import org.jspecify.annotations.NullMarked;
