package io.gatun.cli;

import io.gatun.server.config.Configuration;
import io.gatun.snapshot.driver.DriverSetting;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of a daemon's configuration: those of the root, and the daemon's own. */
final class ConfigurationOptions {

  @Mixin private RootOptions root;

  @Option(
      names = "--address",
      paramLabel = "SOCKET",
      description = "The unix socket to listen on; overrides the configuration.")
  private @Nullable Path address;

  @Option(
      names = "--driver",
      paramLabel = "auto|overlay|native",
      description = "The driver; overrides the configuration.")
  private @Nullable DriverSetting driver;

  Configuration configuration() {
    return root.configuration(Optional.ofNullable(address), Optional.ofNullable(driver));
  }
}
