package io.gatun.cli;

import io.gatun.server.DaemonProcess;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code gatun serve}. */
@Command(
    name = "serve",
    description =
        "Runs the daemon in the foreground until SIGTERM or SIGINT, logging to stderr. Both signals"
            + " let requests in flight finish and end the daemon with exit code 0.")
final class ServeCommand implements Runnable {

  @Mixin private ConfigurationOptions options;

  @Override
  public void run() {
    DaemonProcess.run(VersionCommand.number(), options.configuration());
  }
}
