package io.gatun.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The jar, run as a user who has copied it somewhere. The risks are the lookups of libraries:
 * services, native code, the flags in the manifest. Logback complains with {@code |-WARN}.
 */
final class JarIT {

  private static final Path JAR = Path.of("target", "gatun-jmh.jar").toAbsolutePath();
  private static final long SECONDS_MAX = 120;

  @TempDir private Path directory;

  @Test
  void runsInOneProcessByItsManifest() throws Exception {
    String log =
        run("-f", "0", "-p", "transport=NIO,EPOLL", "RpcBenchmark.statByOne|MetadataBenchmark.get");
    assertThat(log).contains("Run complete.").doesNotContain("NOT MEASURED", "|-WARN", "|-ERROR");
  }

  @Test
  void runsInJvmsOfItsOwn() throws Exception {
    String log =
        run("-f", "1", "-p", "transport=NIO", "RpcBenchmark.statByOne|MetadataBenchmark.get");
    assertThat(log).contains("Run complete.").doesNotContain("NOT MEASURED", "|-WARN", "|-ERROR");
  }

  private String run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Djmh.ignoreLock=true", "-jar", JAR.toString()));
    command.addAll(List.of("-wi", "0", "-i", "1", "-r", "1ms", "-p", "records=100", "-p"));
    command.add("directory=" + directory);
    command.addAll(List.of(arguments));
    Path log = directory.resolve("log");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      assertThat(process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)).as("the jar has ended").isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    return Files.readString(log);
  }
}
