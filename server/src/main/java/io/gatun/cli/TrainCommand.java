package io.gatun.cli;

import io.gatun.training.Training;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/** {@code gatun train}. The launcher makes the JVM record the run, and where. */
@Command(
    name = "train",
    description =
        "Shortens later starts: exercises a daemon in a temporary directory, and makes the JVM record"
            + " it in lib/gatun.aot, for the current JDK and libraries. Run it once after each"
            + " installation. Needs JDK 25 or later, takes half a minute, touches no other root.")
final class TrainCommand implements Callable<Integer> {

  @Override
  public Integer call() throws IOException {
    new Training(Training.Amount.ENOUGH).run();
    return ExitCode.OK;
  }
}
