package io.gatun.cli;

import io.gatun.cli.doctor.CheckResult;
import io.gatun.cli.doctor.ContainerdCheck;
import io.gatun.cli.doctor.HostCheck;
import io.gatun.cli.text.Table;
import io.gatun.server.config.Configuration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun doctor}. */
@Command(
    name = "doctor",
    description =
        "Checks that this host meets the daemon's requirements, and that containerd's configuration"
            + " matches the daemon's. Runs probes on the root's filesystem and leaves nothing there.",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:no faults", "1:a fault, or an error", "2:wrong usage"})
final class DoctorCommand implements Callable<Integer> {

  @Mixin private ConfigurationOptions options;

  @Option(
      names = "--containerd-config",
      paramLabel = "FILE",
      defaultValue = "/etc/containerd/config.toml",
      description = "containerd's configuration file; by default ${DEFAULT-VALUE}.")
  private Path containerdFile;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    Configuration configuration = options.configuration();
    List<CheckResult> diagnoses = new ArrayList<>(new HostCheck(configuration).run());
    diagnoses.addAll(new ContainerdCheck(configuration, containerdFile).run());
    Table table = new Table(List.of("", "WHAT", "FINDING"), List.of(false, false, false));
    diagnoses.forEach(
        checkResult ->
            table.add(checkResult.severity().word(), checkResult.subject(), checkResult.text()));
    table.print(spec.commandLine().getOut());
    return diagnoses.stream().anyMatch(each -> each.severity() == CheckResult.Severity.FAULT)
        ? ExitCode.SOFTWARE
        : ExitCode.OK;
  }
}
