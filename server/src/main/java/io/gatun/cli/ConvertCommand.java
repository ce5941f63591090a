package io.gatun.cli;

import io.gatun.cli.text.Formats;
import io.gatun.cli.text.Table;
import io.gatun.server.DaemonConnection;
import io.gatun.server.config.StartException;
import io.gatun.server.content.LayerLabels;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotInfo;
import io.grpc.StatusRuntimeException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gatun convert}. */
@Command(
    name = "convert",
    description = {
      "Makes a running daemon convert layers to another form, one after the other. Prints the space"
          + " that this needs before it starts. May be interrupted at any time: each layer is in one"
          + " form or the other, and the next run continues.",
      "",
      "A layer stays as it is, and is listed, while a container (running or stopped) or a view uses"
          + " it: remove the container, and run this command again. Conversion to an indexed layer"
          + " reads the layer's blob from containerd's content store; a layer without a blob stays"
          + " as it is, and is listed, too."
    },
    footer = {
      "%nFILTER is as for ls; without a filter, all committed snapshots are converted.",
      "The configuration (layers) sets the form of layers that are unpacked later."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all selected layers have the form",
      "1:an error, in one line on stderr; layers converted until then stay converted",
      "2:wrong usage",
      "3:the listed layers stay as they were; all others have the form"
    })
final class ConvertCommand implements Callable<Integer> {

  private static final int DONE = 0;
  private static final int SOME_STAY = 3;

  /** What a layer may become. */
  enum Form {
    INDEXED,
    DIRECTORY;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Mixin private DaemonOptions daemon;

  @Option(
      names = "--to",
      paramLabel = "FORM",
      required = true,
      description = "The form to convert layers to: ${COMPLETION-CANDIDATES}.")
  private Form form;

  @Option(
      names = {"-n", "--dry-run"},
      description = "Only prints what the conversion would do.")
  private boolean isDryRun;

  @Parameters(
      paramLabel = "FILTER",
      arity = "0..*",
      description = "Selects the snapshots to convert.")
  private List<String> filters = List.of();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    try (SnapshotsClient snapshots = daemon.connect();
        ConversionClient conversions = new ConversionClient(daemon.address())) {
      List<SnapshotInfo> committed =
          snapshots.list(filters).stream()
              .filter(snapshot -> snapshot.kind() == Kind.COMMITTED)
              .toList();
      ConversionPlan plan = plan(committed, conversions);
      print(plan);
      List<ConversionPlan.Obstacle> staying = new ArrayList<>(plan.obstacles());
      if (!isDryRun) {
        plan.requireSpace();
        staying.addAll(run(plan.steps(), conversions));
      }
      printStaying(staying);
      return staying.isEmpty() ? DONE : SOME_STAY;
    }
  }

  private ConversionPlan plan(List<SnapshotInfo> committed, ConversionClient conversions) {
    return switch (form) {
      case DIRECTORY -> ConversionPlan.of(committed, Optional.empty(), conversions::estimate);
      case INDEXED -> {
        Path address = daemon.configuration().containerdAddress();
        try (DaemonConnection containerd = new DaemonConnection(address)) {
          Map<String, Map<Digest, LayerLabels.Blob>> known = new HashMap<>();
          yield ConversionPlan.of(
              committed,
              Optional.of(
                  namespace ->
                      known.computeIfAbsent(
                          namespace, _ -> LayerLabels.of(containerd.channel(), namespace))),
              conversions::estimate);
        } catch (StatusRuntimeException e) {
          throw new StartException(
              "containerd on %s does not say which blobs it has: %s: %s (is containerd_address right?)"
                  .formatted(address, e.getStatus().getCode(), e.getStatus().getDescription()),
              e);
        }
      }
    };
  }

  private void print(ConversionPlan plan) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        "%d to be converted to %s, %d are so already, %d stay as they are%n",
        plan.steps().size(), form, plan.doneAlready(), plan.obstacles().size());
    if (!plan.steps().isEmpty()) {
      out.printf(
          "about %s needed, %s available%n",
          Formats.bytes(plan.neededBytes()), Formats.bytes(plan.availableBytes()));
    }
    out.flush();
  }

  /** {@return those that could not be converted} */
  private List<ConversionPlan.Obstacle> run(
      List<ConversionPlan.Step> steps, ConversionClient conversions) {
    PrintWriter out = spec.commandLine().getOut();
    List<ConversionPlan.Obstacle> failed = new ArrayList<>();
    int number = 0;
    for (ConversionPlan.Step step : steps) {
      Optional<String> failure = conversions.convert(step);
      failure.ifPresent(reason -> failed.add(new ConversionPlan.Obstacle(step.name(), reason)));
      number++;
      out.printf(
          "%d of %d %s: %s%n",
          number,
          steps.size(),
          failure.isPresent() ? "not converted" : "converted",
          Formats.name(step.name()));
      out.flush();
    }
    return failed;
  }

  private void printStaying(List<ConversionPlan.Obstacle> staying) {
    if (staying.isEmpty()) {
      return;
    }
    Table table = new Table(List.of("STAYS AS IT IS", "WHY"), List.of(false, false));
    staying.forEach(each -> table.add(Formats.name(each.name()), Formats.name(each.reason())));
    PrintWriter out = spec.commandLine().getOut();
    table.print(out);
    out.flush();
  }
}
