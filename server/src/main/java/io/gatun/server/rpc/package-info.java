/**
 * The gRPC services: messages to calls, results and failures to answers.
 *
 * <p>Every call runs on a bounded executor, with a bounded amount of memory for its request. One
 * exhaustive switch maps a failure to a gRPC status.
 *
 * <p>This package uses {@code content}, {@code net}, {@code config} and the snapshotter's public
 * interfaces.
 */
@NullMarked
package io.gatun.server.rpc;

import org.jspecify.annotations.NullMarked;
