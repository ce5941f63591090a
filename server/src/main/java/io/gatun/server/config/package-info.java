/**
 * The configuration file and its values.
 *
 * <p>Every key of {@code gatun.toml} is read here. An invalid value is refused with its key and
 * line.
 *
 * <p>This package uses the snapshotter's settings. It does not know the transport or the services.
 */
@NullMarked
package io.gatun.server.config;

import org.jspecify.annotations.NullMarked;
