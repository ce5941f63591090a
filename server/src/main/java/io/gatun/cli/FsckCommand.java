package io.gatun.cli;

import io.gatun.cli.text.Formats;
import io.gatun.cli.text.ProgressBar;
import io.gatun.server.config.Configuration;
import io.gatun.server.config.StartException;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootFinding;
import io.gatun.snapshot.fsck.RootFinding.Severity;
import io.gatun.snapshot.fsck.RootRepair;
import io.gatun.snapshot.fsck.RootReport;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun fsck}. */
@Command(
    name = "fsck",
    description = {
      "Checks a root that no daemon uses, and describes each finding in one sentence. Changes nothing"
          + " without --repair.",
      "",
      "A notice is a leftover of a crash that the next start cleans up, or a file that a repair has"
          + " kept."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:the root is clean; there may be notices",
      "1:the root could not be checked; the reason is one line on stderr",
      "2:wrong usage",
      "3:findings remain, also after a repair",
      "4:all findings were repaired; nothing acknowledged is lost",
      "5:the root is usable again, but what the output names as lost is lost"
    })
final class FsckCommand implements Callable<Integer> {

  private static final int CLEAN = 0;
  private static final int REMAINING = 3;
  private static final int REPAIRED = 4;
  private static final int REPAIRED_WITH_LOSS = 5;

  @Mixin private RootOptions options;

  @Spec private CommandSpec spec;

  @Option(
      names = "--repair",
      description = "Repairs the root where possible; keeps replaced files as *.damaged.")
  private boolean isRepair;

  @Option(
      names = "--drop-index",
      description =
          "Ignores the metadata index and goes by checkpoint and journal alone; --repair rebuilds"
              + " the index.")
  private boolean isIndexDropped;

  @Option(
      names = "--content",
      description =
          "Also reads indexed layers from the disk, past the page cache, and hashes them; rebuilds"
              + " each index from its tar and compares it byte for byte, or reports that it was only"
              + " hashed; shows the progress on a terminal. With --repair, damaged files are kept as"
              + " *.damaged, and the next start repairs the layer if containerd has the blob.")
  private boolean isContentRead;

  @Override
  public Integer call() throws IOException {
    Configuration configured = options.configuration();
    Path path = configured.root();
    try {
      return isRepair ? repair(path, configured) : check(path);
    } catch (UnusableRootException e) {
      throw new StartException(String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new StartException("root %s cannot be checked: %s".formatted(path, e.getMessage()), e);
    }
  }

  private int check(Path path) throws IOException, UnusableRootException {
    RootReport report;
    if (isContentRead) {
      ProgressBar bar = new ProgressBar(spec.commandLine().getErr(), ProgressBar.isShown());
      report = RootCheck.withContent(path, !isIndexDropped, bar::show);
      bar.end();
    } else {
      report = isIndexDropped ? RootCheck.withoutIndex(path) : RootCheck.of(path);
    }
    print(report);
    return report.isClean() ? CLEAN : REMAINING;
  }

  private int repair(Path path, Configuration configured)
      throws IOException, UnusableRootException {
    RootRepair.Outcome outcome = runRepair(path, configured);
    print(outcome.found());
    PrintWriter out = spec.commandLine().getOut();
    outcome.done().forEach(sentence -> out.println("repaired: " + Formats.name(sentence)));
    if (!outcome.remaining().isClean()) {
      out.println("After the repair:");
      print(outcome.remaining());
      return REMAINING;
    }
    if (outcome.found().isClean()) {
      return CLEAN;
    }
    return outcome.isLossy() ? REPAIRED_WITH_LOSS : REPAIRED;
  }

  private RootRepair.Outcome runRepair(Path path, Configuration configured)
      throws IOException, UnusableRootException {
    MetadataSettings settings =
        MetadataSettings.defaults().withEntriesMax(configured.metadataEntriesMax());
    if (!isContentRead) {
      return RootRepair.run(new LinuxDisk(), path, settings, isIndexDropped);
    }
    ProgressBar bar = new ProgressBar(spec.commandLine().getErr(), ProgressBar.isShown());
    RootRepair.Outcome outcome =
        RootRepair.runWithContent(new LinuxDisk(), path, settings, isIndexDropped, bar::show);
    bar.end();
    return outcome;
  }

  private void print(RootReport report) {
    PrintWriter out = spec.commandLine().getOut();
    for (RootFinding finding : report.findings()) {
      out.printf(
          "%s: %s: %s%n",
          finding.severity().name().toLowerCase(Locale.ROOT),
          Formats.name(finding.place()),
          Formats.name(finding.sentence()));
    }
    long wrong =
        report.findings().stream().filter(finding -> finding.severity() != Severity.NOTICE).count();
    out.println(wrong == 0 ? "nothing is wrong" : "wrong: " + wrong);
    out.flush();
  }
}
