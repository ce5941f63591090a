package io.gatun.cli;

import io.gatun.cli.text.Formats;
import io.gatun.cli.text.Table;
import io.gatun.snapshot.SnapshotInfo;
import java.io.PrintWriter;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gatun ls}. */
@Command(
    name = "ls",
    description = "Lists the snapshots of a running daemon by name.",
    footer = {
      "%nFILTER is one of containerd's filters, such as kind==active, parent==NAME or"
          + " labels.\"containerd.io/gc.root\". Of several filters, a snapshot has to match one."
    })
final class LsCommand implements Runnable {

  @Mixin private DaemonOptions daemon;

  @Option(
      names = {"-q", "--quiet"},
      description = "Prints only the names.")
  private boolean quiet;

  @Option(
      names = "--labels",
      description = "Also prints the labels, one per line below the snapshot.")
  private boolean labels;

  @Parameters(paramLabel = "FILTER", arity = "0..*", description = "Selects the snapshots to list.")
  private List<String> filters = List.of();

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    List<SnapshotInfo> snapshots;
    try (SnapshotsClient client = daemon.connect()) {
      snapshots =
          client.list(filters).stream().sorted(Comparator.comparing(SnapshotInfo::name)).toList();
    }
    PrintWriter out = spec.commandLine().getOut();
    if (quiet) {
      snapshots.forEach(snapshot -> out.println(Formats.name(snapshot.name())));
      return;
    }
    Table table =
        new Table(
            List.of("KIND", "CREATED", "NAME", "PARENT"), List.of(false, false, false, false));
    for (SnapshotInfo snapshot : snapshots) {
      table.add(
          snapshot.kind().filterName(),
          snapshot.created().truncatedTo(ChronoUnit.SECONDS).toString(),
          Formats.name(snapshot.name()),
          Formats.name(snapshot.parent()));
      if (labels) {
        new TreeMap<>(snapshot.labels())
            .forEach((key, value) -> table.add("", "", "  " + Formats.name(key + "=" + value), ""));
      }
    }
    table.print(out);
  }
}
