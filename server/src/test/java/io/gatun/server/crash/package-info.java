/**
 * Checks the state after killing the daemon and after cutting the power against the
 * acknowledgements that its clients got.
 *
 * <p>{@link io.gatun.server.crash.Load} runs the clients, {@link io.gatun.server.crash.Ledger}
 * records requests and acknowledgements, and {@link io.gatun.server.crash.Audit} compares. The
 * daemon runs as a process and is reached over its socket, as by containerd; this package does not
 * know how it keeps its promises.
 */
@NullMarked
package io.gatun.server.crash;

import org.jspecify.annotations.NullMarked;
