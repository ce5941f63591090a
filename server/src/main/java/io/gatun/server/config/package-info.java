/**
 * The configuration file and the values it may have.
 *
 * <p>Every key of {@code gatun.toml} is read here. A value that cannot work is refused with the key
 * and the line.
 *
 * <p>This package uses the snapshotter's settings. It does not know the transport or the services.
 */
@NullMarked
package io.gatun.server.config;

import org.jspecify.annotations.NullMarked;
