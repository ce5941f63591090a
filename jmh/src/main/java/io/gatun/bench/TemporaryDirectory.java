package io.gatun.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * A new directory, deleted at the latest when the JVM ends: JMH does not clean up after a benchmark
 * that failed or was interrupted.
 */
public final class TemporaryDirectory implements AutoCloseable {

  /** The default location of benchmarks' directories: on a disk. */
  public static final String DEFAULT_PARENT = "/var/tmp";

  private final Path path;
  private final Thread atExit = Thread.ofPlatform().unstarted(this::delete);

  private TemporaryDirectory(Path path) {
    this.path = path;
  }

  /** {@return a new directory in another one} */
  public static TemporaryDirectory in(String parent) throws IOException {
    TemporaryDirectory directory =
        new TemporaryDirectory(Files.createTempDirectory(Path.of(parent), "gatun-bench-"));
    Runtime.getRuntime().addShutdownHook(directory.atExit);
    return directory;
  }

  public Path path() {
    return path;
  }

  @Override
  public void close() {
    delete();
    Runtime.getRuntime().removeShutdownHook(atExit);
  }

  private void delete() {
    try (Stream<Path> files = Files.walk(path)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
