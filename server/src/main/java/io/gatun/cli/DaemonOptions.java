package io.gatun.cli;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of commands that are clients of a running daemon. */
final class DaemonOptions {

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "The configuration file of the daemon; by default /etc/gatun/gatun.toml, if it exists.")
  private @Nullable Path file;

  @Option(
      names = "--address",
      paramLabel = "SOCKET",
      description = "The socket of the daemon; overrides the configuration.")
  private @Nullable Path address;

  SnapshotsClient connect() {
    return new SnapshotsClient(address());
  }

  /** {@return the daemon's socket} */
  Path address() {
    return address == null ? configuration().address() : address.toAbsolutePath();
  }

  Configuration configuration() {
    return ConfigurationFile.read(Optional.ofNullable(file), Configuration.Overrides.NONE);
  }
}
