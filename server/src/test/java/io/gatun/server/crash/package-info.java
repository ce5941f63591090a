/**
 * What is left when the daemon is killed and when the power is cut, compared with what its clients
 * were told.
 *
 * <p>{@link io.gatun.server.crash.Load} is the clients, {@link io.gatun.server.crash.Ledger} what
 * they sent and what was acknowledged, and {@link io.gatun.server.crash.Audit} the comparison. The
 * daemon runs as a process and is reached over its socket, as containerd reaches it; how it keeps
 * its promises is none of this package's business.
 */
@NullMarked
package io.gatun.server.crash;

import org.jspecify.annotations.NullMarked;
