package io.gatun.cli;

import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import io.gatun.snapshot.driver.DriverSetting;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that select a root: a configuration file, and overrides. */
final class RootOptions {

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The configuration file; by default /etc/gatun/gatun.toml, if it exists.")
  private @Nullable Path file;

  @Option(
      names = "--root",
      paramLabel = "DIR",
      description = "The directory that holds all data; overrides the configuration.")
  private @Nullable Path root;

  Configuration configuration() {
    return configuration(Optional.empty(), Optional.empty());
  }

  /** {@return the configuration with further overrides} */
  Configuration configuration(Optional<Path> address, Optional<DriverSetting> driver) {
    return ConfigurationFile.read(
        Optional.ofNullable(file),
        new Configuration.Overrides(
            Optional.ofNullable(root).map(RootOptions::absolute),
            address.map(RootOptions::absolute),
            driver));
  }

  private static Path absolute(Path given) {
    return given.toAbsolutePath().normalize();
  }
}
