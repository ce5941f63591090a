package io.gatun.cli;

import io.gatun.server.Configuration;
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
        "Looks whether this host has what the daemon needs, and whether containerd's configuration"
            + " goes with the daemon's. Tries things out on the root's filesystem and leaves nothing"
            + " there.",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:nothing is at fault",
      "1:something is at fault, or an error",
      "2:wrong usage"
    })
final class DoctorCommand implements Callable<Integer> {

  @Mixin private ConfigurationOptions options;

  @Option(
      names = "--containerd-config",
      paramLabel = "FILE",
      defaultValue = "/etc/containerd/config.toml",
      description = "containerd's configuration; otherwise ${DEFAULT-VALUE}.")
  private Path containerdFile;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    Configuration configuration = options.configuration();
    List<Diagnosis> diagnoses = new ArrayList<>(new HostExamination(configuration).run());
    diagnoses.addAll(new ContainerdExamination(configuration, containerdFile).run());
    Table table = new Table(List.of("", "WHAT", "FINDING"), List.of(false, false, false));
    diagnoses.forEach(
        diagnosis -> table.add(diagnosis.severity().word(), diagnosis.subject(), diagnosis.text()));
    table.print(spec.commandLine().getOut());
    return diagnoses.stream().anyMatch(each -> each.severity() == Diagnosis.Severity.FAULT)
        ? ExitCode.SOFTWARE
        : ExitCode.OK;
  }
}
