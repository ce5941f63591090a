package io.gatun.cli;

import io.gatun.cli.doctor.ContainerdConfiguration;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.ConfigurationFile;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code gatun config}. */
@Command(
    name = "config",
    description =
        "Checks the configuration and prints it in full, as the daemon would use it with the same"
            + " options; or prints the matching configuration of containerd.")
final class ConfigCommand implements Runnable {

  @Mixin private ConfigurationOptions options;

  @Option(
      names = "--containerd",
      paramLabel = "1|2",
      arity = "0..1",
      fallbackValue = "1",
      description =
          "Prints the sections for the configuration of containerd 1.7 (the default) or 2.")
  private int containerd;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    PrintWriter out = spec.commandLine().getOut();
    Configuration configuration = options.configuration();
    switch (containerd) {
      case 0 -> out.print(ConfigurationFile.write(configuration));
      case 1 ->
          out.print(
              ContainerdConfiguration.toml(configuration, ContainerdConfiguration.Generation.V1));
      case 2 ->
          out.print(
              ContainerdConfiguration.toml(configuration, ContainerdConfiguration.Generation.V2));
      default ->
          throw new ParameterException(
              spec.commandLine(), "--containerd takes 1 or 2, not " + containerd);
    }
    out.flush();
  }
}
