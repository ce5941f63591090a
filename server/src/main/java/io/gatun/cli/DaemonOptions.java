package io.gatun.cli;

import io.gatun.server.Configuration;
import io.gatun.server.ConfigurationFile;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of commands that ask a running daemon: where it listens. */
final class DaemonOptions {

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "The configuration of the daemon; otherwise /etc/gatun/gatun.toml, if there is one.")
  private @Nullable Path file;

  @Option(
      names = "--address",
      paramLabel = "SOCKET",
      description = "The socket of the daemon; otherwise the configured one.")
  private @Nullable Path address;

  SnapshotsClient connect() {
    return new SnapshotsClient(address());
  }

  /** {@return where the daemon listens} */
  Path address() {
    return address == null ? configuration().address() : address.toAbsolutePath();
  }

  /** {@return the configuration of the daemon} */
  Configuration configuration() {
    return file == null ? ConfigurationFile.readDefault() : ConfigurationFile.read(file);
  }
}
