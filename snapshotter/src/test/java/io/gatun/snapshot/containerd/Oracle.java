package io.gatun.snapshot.containerd;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The Go program in {@code containerd-oracle/main.go}, which describes what is written to and fro.
 */
final class Oracle implements AutoCloseable {

  /**
   * What containerd answers if it refuses, by the names that its package errdefs has for errors.
   */
  static final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    private final String errorClass;

    Refusal(String errorClass, String message) {
      super(message);
      this.errorClass = errorClass;
    }

    String errorClass() {
      return errorClass;
    }
  }

  private static final Path BUILD = Path.of("target", "containerd-oracle").toAbsolutePath();

  private final Path directory;
  private final Process process;
  private final BufferedWriter requests;
  private final BufferedReader answers;

  private Oracle(Path binary) throws IOException {
    // The store syncs after each change, which costs nothing in memory.
    Path memory = Path.of("/dev/shm");
    directory =
        Files.isWritable(memory)
            ? Files.createTempDirectory(memory, "containerd-oracle")
            : Files.createTempDirectory("containerd-oracle");
    process =
        new ProcessBuilder(binary.toString(), directory.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    requests = process.outputWriter(StandardCharsets.US_ASCII);
    answers = process.inputReader(StandardCharsets.US_ASCII);
  }

  /** Starts with an empty store. */
  static Oracle start() throws IOException, InterruptedException {
    return new Oracle(build());
  }

  /** Builds it once: JVMs beside this one wait, and find that there is nothing left to do. */
  private static synchronized Path build() throws IOException, InterruptedException {
    Files.createDirectories(BUILD);
    try (FileChannel lock =
            FileChannel.open(
                BUILD.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = lock.lock()) {
      return buildAlone();
    }
  }

  private static Path buildAlone() throws IOException, InterruptedException {
    Path binary = BUILD.resolve("containerd-oracle");
    ProcessBuilder builder =
        new ProcessBuilder("go", "build", "-o", binary.toString(), ".")
            .directory(sources().toFile())
            .inheritIO();
    builder.environment().put("GO111MODULE", "off");
    builder.environment().put("GOPATH", "/usr/share/gocode");
    builder.environment().put("GOCACHE", BUILD.resolve("cache").toString());
    builder.environment().put("GOFLAGS", "");
    Process build;
    try {
      build = builder.start();
    } catch (IOException e) {
      throw new IOException("this test needs Go: run scripts/setup", e);
    }
    if (build.waitFor() != 0) {
      throw new IOException("this test needs Go and containerd's sources: run scripts/setup");
    }
    return binary;
  }

  private static Path sources() throws IOException {
    try {
      var main = Oracle.class.getResource("/containerd-oracle/main.go");
      if (main == null) {
        throw new IOException("containerd-oracle/main.go is not among the test resources");
      }
      return Path.of(main.toURI()).resolveSibling("");
    } catch (URISyntaxException e) {
      throw new IOException(e);
    }
  }

  /** {@return the words of the answer after "ok"} */
  List<String> ask(String... request) throws Refusal {
    try {
      requests.write(String.join(" ", request));
      requests.newLine();
      requests.flush();
      String answer = answers.readLine();
      if (answer == null) {
        throw new IOException("containerd-oracle ended at " + String.join(" ", request));
      }
      List<String> words = List.of(answer.split(" ", -1));
      if (words.getFirst().equals("error")) {
        throw new Refusal(words.get(1), read(words.get(2)));
      }
      return words.subList(1, words.size());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String written(String text) {
    return "x" + HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }

  static String written(List<String> texts) {
    return texts.stream().map(Oracle::written).collect(Collectors.joining(","));
  }

  static String written(Map<String, String> labels) {
    return written(
        labels.entrySet().stream()
            .flatMap(label -> Stream.of(label.getKey(), label.getValue()))
            .toList());
  }

  static String read(String written) {
    return new String(HexFormat.of().parseHex(written.substring(1)), StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    try {
      requests.close();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
      Files.deleteIfExists(directory.resolve("metadata.db"));
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
