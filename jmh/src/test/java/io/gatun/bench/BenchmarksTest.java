package io.gatun.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.LinuxDisk;
import io.netty.channel.uring.IoUring;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs every benchmark briefly to detect broken ones. Measures nothing. */
final class BenchmarksTest {

  private static final Set<String> BENCHMARKS =
      Set.of(
          "io.gatun.bench.AppliedFormBenchmark.directory",
          "io.gatun.bench.AppliedFormBenchmark.indexed",
          "io.gatun.bench.DecompressionBenchmark.decode",
          "io.gatun.bench.FileCopyBenchmark.copyFileRange",
          "io.gatun.bench.FileCopyBenchmark.readAndWrite",
          "io.gatun.bench.FileCopyBenchmark.reflink",
          "io.gatun.bench.FilterBenchmark.match",
          "io.gatun.bench.FilterBenchmark.parse",
          "io.gatun.bench.JournalBenchmark.floor",
          "io.gatun.bench.JournalBenchmark.oneWriter",
          "io.gatun.bench.JournalBenchmark.sixteenWriters",
          "io.gatun.bench.JournalBenchmark.sixteenWritersOneByOne",
          "io.gatun.bench.LayerBenchmark.apply",
          "io.gatun.bench.MetadataBenchmark.commit",
          "io.gatun.bench.MetadataBenchmark.put",
          "io.gatun.bench.MetadataBenchmark.all",
          "io.gatun.bench.MetadataBenchmark.filtered",
          "io.gatun.bench.MetadataBenchmark.children",
          "io.gatun.bench.MetadataBenchmark.get",
          "io.gatun.bench.TarBenchmark.read",
          "io.gatun.linux.NativeCallBenchmark.asGatunCalls",
          "io.gatun.linux.NativeCallBenchmark.withErrno",
          "io.gatun.linux.NativeCallBenchmark.withoutErrno",
          "io.gatun.linux.PathBenchmark.fromJdkPath",
          "io.gatun.linux.PathBenchmark.fromString",
          "io.gatun.linux.PathBenchmark.intoArena",
          "io.gatun.linux.PathBenchmark.stringIntoArena",
          "io.gatun.linux.PathBenchmark.toText",
          "io.gatun.server.RpcBenchmark.mountsByOne",
          "io.gatun.server.RpcBenchmark.mountsBySixteen",
          "io.gatun.server.RpcBenchmark.statByOne",
          "io.gatun.server.RpcBenchmark.statBySixteen",
          "io.gatun.snapshot.driver.MountOptionsBenchmark.container");

  private static final int MOMENT_MILLIS = 2;

  @TempDir private Path directory;

  @Test
  void theListIsTheExpectedOne() {
    assertThat(
            BenchmarkList.defaultList()
                .getAll(
                    OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT),
                    List.of()))
        .extracting(BenchmarkListEntry::getUsername)
        .containsExactlyInAnyOrderElementsOf(BENCHMARKS);
  }

  @Test
  void everyBenchmarkRuns() throws Exception {
    Path log = directory.resolve("log");
    Collection<RunResult> results = run(log);
    Set<String> expected = new TreeSet<>(BENCHMARKS);
    if (!canReflink()) {
      expected.remove("io.gatun.bench.FileCopyBenchmark.reflink");
      assertThat(log).content().contains("FICLONE");
    }
    assertThat(results)
        .as("the benchmarks with a result: %s", Files.readString(log))
        .extracting(result -> result.getParams().getBenchmark())
        .containsAll(expected);
    assertThat(transports(results)).containsExactlyInAnyOrderElementsOf(workingTransports());
    try (var left = Files.list(directory)) {
      assertThat(left).containsExactly(log);
    }
  }

  private Collection<RunResult> run(Path log) throws RunnerException {
    // JMH would refuse to start beside another measurement on this machine.
    System.setProperty("jmh.ignoreLock", "true");
    return new Runner(
            new OptionsBuilder()
                .forks(0)
                .warmupIterations(0)
                .measurementIterations(1)
                .measurementTime(TimeValue.milliseconds(MOMENT_MILLIS))
                .param("directory", directory.toString())
                .param("records", "100")
                .param("layers", "10")
                .param("sizeBytes", "4096")
                .output(log.toString())
                .build())
        .run();
  }

  private static Set<String> transports(Collection<RunResult> results) {
    return results.stream()
        .map(RunResult::getParams)
        .filter(params -> params.getBenchmark().contains("RpcBenchmark"))
        .map(params -> params.getParam("transport"))
        .collect(Collectors.toSet());
  }

  private static Set<String> workingTransports() {
    return IoUring.isAvailable() ? Set.of("IO_URING", "EPOLL", "NIO") : Set.of("EPOLL", "NIO");
  }

  private boolean canReflink() throws ErrnoException {
    LinuxDisk disk = new LinuxDisk();
    LinuxPath one = LinuxPath.of("one");
    LinuxPath other = LinuxPath.of("other");
    try (Fd parent = Fcntl.open(LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        Fd source = disk.createFile(parent, one, 0600);
        Fd target = disk.createFile(parent, other, 0600)) {
      disk.removeFile(parent, one);
      disk.removeFile(parent, other);
      disk.cloneFile(source, target);
      return true;
    } catch (ErrnoException e) {
      return false;
    }
  }
}
