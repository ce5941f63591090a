package io.gatun.cli;

import io.gatun.cli.text.Formats;
import io.gatun.cli.text.Table;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Usage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gatun du}. */
@Command(
    name = "du",
    description =
        "Shows the disk usage of each snapshot of a running daemon by itself, largest first. Counts"
            + " snapshots of unknown usage file by file.")
final class DuCommand implements Runnable {

  @Mixin private DaemonOptions daemon;

  @Option(
      names = {"-b", "--bytes"},
      description = "Prints sizes in bytes.")
  private boolean inBytes;

  @Parameters(
      paramLabel = "FILTER",
      arity = "0..*",
      description = "Selects the snapshots to show, as for ls.")
  private List<String> filters = List.of();

  @Spec private CommandSpec spec;

  private record Row(SnapshotInfo snapshot, Usage usage) {}

  @Override
  public void run() {
    List<Row> rows = new ArrayList<>();
    List<SnapshotInfo> missing = new ArrayList<>();
    try (SnapshotsClient client = daemon.connect()) {
      for (SnapshotInfo snapshot : client.list(filters)) {
        Optional<Usage> usage = client.usage(snapshot.name());
        usage.ifPresentOrElse(
            known -> rows.add(new Row(snapshot, known)), () -> missing.add(snapshot));
      }
    }
    rows.sort(
        Comparator.comparingLong((Row row) -> row.usage().sizeBytes())
            .reversed()
            .thenComparing(row -> row.snapshot().name()));
    Table table =
        new Table(List.of("SIZE", "INODES", "KIND", "NAME"), List.of(true, true, false, false));
    long bytes = 0;
    long inodes = 0;
    for (Row row : rows) {
      bytes += row.usage().sizeBytes();
      inodes += row.usage().inodes();
      add(table, row.usage(), row.snapshot().kind().filterName(), row.snapshot().name());
    }
    for (SnapshotInfo snapshot : missing) {
      table.add("missing", "-", snapshot.kind().filterName(), Formats.name(snapshot.name()));
    }
    add(table, new Usage(inodes, bytes), "total", rows.size() + " snapshots");
    table.print(spec.commandLine().getOut());
  }

  private void add(Table table, Usage usage, String kind, String name) {
    table.add(
        inBytes ? Long.toString(usage.sizeBytes()) : Formats.bytes(usage.sizeBytes()),
        Long.toString(usage.inodes()),
        kind,
        Formats.name(name));
  }
}
