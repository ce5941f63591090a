package io.gatun.cli;

import io.gatun.server.Configuration;
import io.gatun.server.ConfigurationFile;
import io.gatun.snapshot.driver.DriverSetting;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say what is configured: a file, and what takes its place. */
final class ConfigurationOptions {

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The configuration; otherwise /etc/gatun/gatun.toml, if there is one.")
  private @Nullable Path file;

  @Option(
      names = "--address",
      paramLabel = "SOCKET",
      description = "The unix socket to listen on; otherwise the configured one.")
  private @Nullable Path address;

  @Option(
      names = "--root",
      paramLabel = "DIR",
      description = "The directory that holds all snapshots; otherwise the configured one.")
  private @Nullable Path root;

  @Option(
      names = "--driver",
      paramLabel = "auto|overlay|native",
      description = "The driver; otherwise the configured one.")
  private @Nullable DriverSetting driver;

  /** {@return the configuration that the options lead to} */
  Configuration configuration() {
    Configuration configured =
        file == null ? ConfigurationFile.readDefault() : ConfigurationFile.read(file);
    return configured.with(
        new Configuration.Overrides(
            absolute(root), absolute(address), Optional.ofNullable(driver)));
  }

  private static Optional<Path> absolute(@Nullable Path path) {
    return Optional.ofNullable(path).map(given -> given.toAbsolutePath().normalize());
  }
}
