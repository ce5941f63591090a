package io.gatun.server.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A daemon as on a host: {@code bin/gatun} of the distribution, in a mount namespace of its own,
 * with its stderr in a file. Closing this kills it.
 */
final class GatunProcess implements AutoCloseable {

  static final Path PROGRAM = Path.of("target/gatun/bin/gatun").toAbsolutePath();
  private static final long PATIENCE_SECONDS = 300;
  private static final Pattern SERVING = Pattern.compile(" serving .* pid=([0-9]+) ");
  private static final Pattern STATUS = Pattern.compile("(?m)^(\\w+):\\s+([0-9]+) kB$");

  private final Process process;
  private final Path address;
  private final Path log;

  /**
   * How a daemon is started.
   *
   * @param directory for its root, socket and log unless arguments name others
   * @param wrapper a program, with arguments, that starts the program named after it
   * @param arguments of {@code gatun serve}
   * @param environment variables besides those of the test
   */
  record Setup(
      Path directory,
      List<String> wrapper,
      List<String> arguments,
      Map<String, String> environment) {

    static Setup in(Path directory) {
      return new Setup(directory, List.of(), List.of(), Map.of());
    }

    /** {@return a daemon whose start, speed and memory are those of an installed one} */
    static Setup asInstalled(Path directory) {
      return in(directory).withEnvironment("GATUN_JAVA_OPTS", "");
    }

    Setup under(String... program) {
      return new Setup(directory, List.of(program), arguments, environment);
    }

    /** Adds arguments, which override the usual root and socket, since later ones count. */
    Setup with(String... more) {
      List<String> all = new ArrayList<>(arguments);
      all.addAll(List.of(more));
      return new Setup(directory, wrapper, all, environment);
    }

    /**
     * Adds a configuration file. Unless it says otherwise, the daemon does not warm up, which takes
     * longer than most tests.
     */
    Setup configured(String text) {
      String complete = text.contains("warm_up") ? text : text + "\nwarm_up = false\n";
      try {
        Path file = Files.createTempFile(directory, "gatun", ".toml");
        Files.writeString(file, complete);
        return with("--config", file.toString());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    Setup withEnvironment(String name, String value) {
      return new Setup(directory, wrapper, arguments, Map.of(name, value));
    }

    Path address() {
      return option("--address", directory.resolve("s.sock"));
    }

    Path root() {
      return option("--root", directory.resolve("root"));
    }

    private Path option(String name, Path otherwise) {
      int at = arguments.lastIndexOf(name);
      return at < 0 ? otherwise : Path.of(arguments.get(at + 1));
    }
  }

  private GatunProcess(Process process, Path address, Path log) {
    this.process = process;
    this.address = address;
    this.log = log;
  }

  static GatunProcess serve(Setup setup) {
    GatunProcess daemon = launch(setup);
    boolean serves = false;
    try {
      await(() -> SERVING.matcher(daemon.log()).find() || !daemon.process.isAlive());
      if (!daemon.process.isAlive()) {
        throw new AssertionError("the daemon ended: " + daemon.log());
      }
      serves = true;
      return daemon;
    } finally {
      if (!serves) {
        daemon.close();
      }
    }
  }

  /** {@return a daemon that was just started, and may not serve yet} */
  static GatunProcess launch(Setup given) {
    Setup setup = given.arguments().contains("--config") ? given : given.configured("");
    List<String> command =
        new ArrayList<>(List.of("unshare", "--mount", "--propagation", "private", "--"));
    // A shell makes its background processes ignore this signal, and their children too; the JVM
    // keeps that.
    command.addAll(List.of("env", "--default-signal=INT"));
    command.addAll(setup.wrapper());
    command.addAll(List.of(PROGRAM.toString(), "serve"));
    if (!setup.arguments().contains("--root")) {
      command.addAll(List.of("--root", setup.root().toString()));
    }
    if (!setup.arguments().contains("--address")) {
      command.addAll(List.of("--address", setup.address().toString()));
    }
    command.addAll(setup.arguments());
    try {
      Path log = Files.createTempFile(setup.directory(), "gatun", ".log");
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
      builder.environment().putAll(setup.environment());
      Process process = builder.start();
      process.getOutputStream().close();
      return new GatunProcess(process, setup.address(), log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Client client() {
    return new Client(address);
  }

  Path address() {
    return address;
  }

  /** {@return the log so far} */
  String log() {
    try {
      return Files.readString(log, UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** {@return the process of the daemon itself, even if a wrapper remains its parent} */
  long pid() {
    Matcher serving = SERVING.matcher(log());
    if (!serving.find()) {
      throw new IllegalStateException("the daemon does not serve: " + log());
    }
    return Long.parseLong(serving.group(1));
  }

  /** {@return the started process, which is the daemon unless there is a wrapper} */
  long startedPid() {
    return process.pid();
  }

  /** {@return the path to a file in the daemon's mount namespace} */
  Path seen(Path file) {
    return Path.of("/proc/%d/root%s".formatted(pid(), file));
  }

  /** {@return whether the started process has a file open below a directory} */
  boolean hasOpened(Path below) {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/%d/fd".formatted(startedPid())))) {
      return descriptors.anyMatch(descriptor -> leadsBelow(descriptor, below));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean leadsBelow(Path descriptor, Path below) {
    try {
      return Files.readSymbolicLink(descriptor).startsWith(below);
    } catch (IOException e) {
      // Closed meanwhile.
      return false;
    }
  }

  /** Sends a signal, such as {@code TERM}. */
  void signal(String name) {
    signal(name, pid());
  }

  /** Sends a signal to the started process, which may not serve yet. */
  void signalStarted(String name) {
    signal(name, startedPid());
  }

  /** Runs the JVM's garbage collection, so that none starts for a while. */
  void collectGarbage() {
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    Commands.run(jcmd, Long.toString(pid()), "GC.run");
  }

  private static void signal(String name, long pid) {
    Commands.run("kill", "-s", name, Long.toString(pid));
  }

  /** {@return the exit status, once the process has ended} */
  int awaitEnd() {
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("the daemon does not end: " + log());
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  Duration cpuTime() {
    return ProcessHandle.of(pid())
        .flatMap(handle -> handle.info().totalCpuDuration())
        .orElseThrow();
  }

  /** {@return the daemon's resident memory, including mapped files} */
  long residentBytes() {
    return status("VmRSS");
  }

  /** {@return the maximum of {@link #residentBytes} so far} */
  long peakResidentBytes() {
    return status("VmHWM");
  }

  private long status(String name) {
    try {
      Matcher lines = STATUS.matcher(Files.readString(Path.of("/proc/%d/status".formatted(pid()))));
      while (lines.find()) {
        if (lines.group(1).equals(name)) {
          return Long.parseLong(lines.group(2)) << 10;
        }
      }
      throw new IllegalStateException("no " + name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Kills the daemon if it still runs. */
  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    process.onExit().join();
  }

  /** Waits for a condition that must come true. */
  static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the condition did not come true");
      }
      sleep(10);
    }
  }

  static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
