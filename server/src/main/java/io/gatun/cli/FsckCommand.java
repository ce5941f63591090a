package io.gatun.cli;

import io.gatun.server.Configuration;
import io.gatun.server.StartException;
import io.gatun.snapshot.check.RootCheck;
import io.gatun.snapshot.check.RootFinding;
import io.gatun.snapshot.check.RootFinding.Severity;
import io.gatun.snapshot.check.RootRepair;
import io.gatun.snapshot.check.RootReport;
import io.gatun.snapshot.disk.LinuxDisk;
import io.gatun.snapshot.disk.UnusableRootException;
import io.gatun.snapshot.metadata.MetadataSettings;
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
      "Checks a root that no daemon uses, and says of each finding in one sentence what is wrong."
          + " Changes nothing unless told to.",
      "",
      "A notice is what a crash leaves behind and the next start sees to, or what a repair has kept."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:nothing is wrong; there may be notices",
      "1:the root could not be checked, for a reason said in one line on stderr",
      "2:wrong usage",
      "3:something is wrong, and still so after a repair",
      "4:something was wrong and is repaired; nothing that was acknowledged is lost",
      "5:something was wrong and the root is usable again, but what is named as lost is lost"
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
      description = "Repairs what can be repaired; what is replaced is kept as *.damaged.")
  private boolean isRepair;

  @Option(
      names = "--drop-index",
      description =
          "Goes by checkpoint and journal alone, and has the index made anew by --repair.")
  private boolean isIndexDropped;

  @Option(
      names = "--content",
      description =
          "Also reads the layers that are kept as tars from the disk, past the memory, and hashes"
              + " them; makes each index anew of its tar and compares it byte for byte, or says that"
              + " it was hashed only; shows on a terminal how far it is. With --repair, what is"
              + " damaged of them is kept as *.damaged, and made anew by the next start if containerd"
              + " has the blob.")
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
    outcome.done().forEach(sentence -> out.println("repaired: " + PrintedText.name(sentence)));
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
          PrintedText.name(finding.place()),
          PrintedText.name(finding.sentence()));
    }
    long wrong =
        report.findings().stream().filter(finding -> finding.severity() != Severity.NOTICE).count();
    out.println(wrong == 0 ? "nothing is wrong" : "wrong: " + wrong);
    out.flush();
  }
}
