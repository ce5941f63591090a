package io.gatun.cli;

import io.gatun.cli.text.CheckedStdout;
import io.gatun.server.config.StartException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code gatun}: parses the command line and runs a command. */
@Command(
    name = "gatun",
    description = "A snapshot backend for containerd.",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = VersionCommand.class,
    subcommands = {
      ServeCommand.class,
      DoctorCommand.class,
      LsCommand.class,
      TreeCommand.class,
      DuCommand.class,
      ConvertCommand.class,
      ConfigCommand.class,
      FsckCommand.class,
      TrainCommand.class,
      VersionCommand.class
    },
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:success", "1:an error, in one line on stderr", "2:wrong usage"})
public final class Gatun implements Callable<Integer> {

  @Spec private CommandSpec spec;

  private Gatun() {}

  public static void main(String[] arguments) {
    CheckedStdout out = new CheckedStdout();
    CommandLine commandLine = commandLine().setOut(out.writer());
    int exitCode = commandLine.execute(arguments);
    System.exit(out.end(exitCode, commandLine.getErr()));
  }

  static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new Gatun());
    commandLine.registerConverter(Path.class, Gatun::path);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setExecutionExceptionHandler(
        (failure, failed, parsed) -> {
          failed.getErr().println("gatun: " + describe(failure));
          return ExitCode.SOFTWARE;
        });
    return commandLine;
  }

  /** An empty path, as of a variable that a script has not set, would be the working directory. */
  static Path path(String text) {
    if (text.isEmpty()) {
      throw new TypeConversionException("it is empty");
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  @Override
  public Integer call() {
    throw new ParameterException(spec.commandLine(), "Missing command");
  }

  private static String describe(Exception failure) {
    if (failure instanceof StartException refusal) {
      return oneLine(refusal.getMessage());
    }
    return oneLine(failure.toString());
  }

  private static String oneLine(@Nullable String text) {
    return text == null ? "" : String.join(" ", text.lines().toList());
  }
}
