package io.gatun.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs benchmarks, with JMH's options, in JVMs like the daemon's. Writes results as JSON by
 * default, and the environment to a file of the same name with the suffix {@code .environment}.
 */
public final class Main {

  private static final DateTimeFormatter FILE_TIME =
      DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

  private static final String ENVIRONMENT_SUFFIX = ".environment";

  private static final int SUCCESS = 0;
  private static final int FAILURE = 1;
  private static final int BAD_USAGE = 2;

  private Main() {}

  public static void main(String[] arguments) throws IOException {
    System.exit(run(arguments));
  }

  /** {@return the exit status} */
  static int run(String... arguments) throws IOException {
    CommandLineOptions given;
    try {
      given = new CommandLineOptions(arguments);
    } catch (CommandLineOptionException e) {
      System.err.println(e.getMessage() + " (-h lists the options)");
      return BAD_USAGE;
    }
    if (asksForInformation(given)) {
      org.openjdk.jmh.Main.main(arguments);
      return SUCCESS;
    }
    try {
      measure(given, List.of(arguments));
      return SUCCESS;
    } catch (NoBenchmarksException e) {
      System.err.println("no benchmark has this name (-l lists them)");
      return FAILURE;
    } catch (RunnerException e) {
      System.err.println(e.getMessage());
      return FAILURE;
    }
  }

  private static boolean asksForInformation(CommandLineOptions given) {
    return given.shouldHelp()
        || given.shouldList()
        || given.shouldListWithParams()
        || given.shouldListProfilers()
        || given.shouldListResultFormats();
  }

  private static void measure(CommandLineOptions given, List<String> arguments)
      throws IOException, RunnerException {
    ResultFormatType format = given.getResultFormat().orElse(ResultFormatType.JSON);
    String results = given.getResult().orElseGet(() -> defaultResults(format));
    Options options =
        new OptionsBuilder()
            .parent(given)
            .resultFormat(format)
            .result(results)
            .jvmArgsPrepend(Build.daemonFlags(given.getJvmArgsPrepend().orElse(List.of())))
            .build();
    List<String> environment =
        new ArrayList<>(
            Environment.describe(
                given
                    .getParameter("directory")
                    .orElse(List.of(TemporaryDirectory.DEFAULT_PARENT))));
    environment.add("arguments=" + String.join(" ", arguments));
    environment.add("load before=" + Environment.load());
    PrintStream out = output(given);
    environment.forEach(line -> out.println("# " + line));
    OutputFormat display =
        OutputFormatFactory.createFormatInstance(out, given.verbosity().orElse(VerboseMode.NORMAL));
    Progress progress = new Progress();
    Collection<RunResult> measured = new Runner(options, progress.watch(display)).run();
    environment.add("load after=" + Environment.load());
    for (String name : progress.unmeasured(measured)) {
      environment.add("not measured=" + name);
      out.println("NOT MEASURED for the reason above: " + name);
    }
    Path beside = Path.of(results + ENVIRONMENT_SUFFIX);
    Files.write(beside, environment);
    out.println("Environment saved to " + beside);
    out.flush();
  }

  private static PrintStream output(CommandLineOptions given) throws IOException {
    return given.getOutput().hasValue()
        ? new PrintStream(given.getOutput().get(), Charset.defaultCharset())
        : System.out;
  }

  private static String defaultResults(ResultFormatType format) {
    return "gatun-jmh-%s.%s"
        .formatted(FILE_TIME.format(Instant.now()), format.name().toLowerCase(Locale.ROOT));
  }
}
