package io.gatun.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MainTest {

  /** A filesystem without reflinks on any kernel so far: tmpfs. */
  private static final String WITHOUT_REFLINKS = "/dev/shm";

  @TempDir private Path directory;
  private Path results;
  private Path environment;
  private Path log;

  @BeforeEach
  void nameFiles() {
    results = directory.resolve("results.json");
    environment = directory.resolve("results.json.environment");
    log = directory.resolve("log");
  }

  private int run(String... arguments) throws IOException {
    // JMH would refuse to start beside another measurement on this machine.
    System.setProperty("jmh.ignoreLock", "true");
    List<String> all =
        new ArrayList<>(
            List.of("-wi", "0", "-i", "1", "-r", "1ms", "-rff", results.toString(), "-o"));
    all.add(log.toString());
    all.addAll(List.of(arguments));
    return Main.run(all.toArray(String[]::new));
  }

  @Test
  void forkedJvmsGetWhatTheLibrariesNeed() throws IOException {
    String where = "directory=" + directory;
    int status = run("-f", "1", "-p", "records=100", "-p", where, "MetadataBenchmark.get");
    assertThat(status).isZero();
    assertThat(results)
        .as("the results of: %s", Files.readString(log))
        .content()
        .contains("MetadataBenchmark.get", "-XX:+UseSerialGC");
    assertThat(environment)
        .content()
        .doesNotContain("not measured=")
        .containsPattern("(?m)^commit=([0-9a-f]{40}( with changes)?|unknown .*)$")
        .containsPattern("(?m)^jdk=.*" + Runtime.version().feature())
        .contains("kernel=" + System.getProperty("os.version"))
        .containsPattern("(?m)^cpu=.")
        .containsPattern("(?m)^memory=[0-9]+ kB$")
        .containsPattern("(?m)^filesystem " + directory + "=[a-z0-9]+$")
        .containsPattern("(?m)^load after=[0-9.]+ [0-9.]+ [0-9.]+$");
  }

  @Test
  void whatAFilesystemCannotDoIsNamedAndTheRestIsMeasured() throws IOException {
    String where = "directory=" + WITHOUT_REFLINKS;
    int status = run("-f", "0", "-p", "sizeBytes=4096", "-p", where, "FileCopyBenchmark");
    assertThat(status).isZero();
    assertThat(results)
        .content()
        .contains("copyFileRange", "readAndWrite")
        .doesNotContain("reflink");
    assertThat(log).content().contains("FICLONE", "EOPNOTSUPP", "NOT MEASURED");
    assertThat(environment)
        .content()
        .containsOnlyOnce("not measured=")
        .contains("not measured=io.gatun.bench.FileCopyBenchmark.reflink directory=/dev/shm");
  }

  @Test
  void anUnknownOptionIsRefused() throws IOException {
    assertThat(run("--no-such-option")).isEqualTo(2);
  }

  @Test
  void aNameThatNoBenchmarkHasIsAFailure() throws IOException {
    assertThat(run("NoSuchBenchmark")).isEqualTo(1);
  }
}
