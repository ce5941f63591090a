package io.gatun.bench;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.filter.Filters;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * What does List cost before anything is sent? As in the engine, every record is read and passed to
 * the filter; {@link #filtered} finds one by the label that containerd searches for layers.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class MetadataListBenchmark {

  private static final int ID_OF_SOME_LAYER = 42;

  @Param({"100", "10000", "100000"})
  int records;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private SampleStore sample;
  private String filter;

  @Setup
  public void fill() throws IOException {
    sample = SampleStore.open(directory, records);
    filter =
        "labels.\"%s\"==\"%s\""
            .formatted(SampleRecords.REFERENCE_LABEL, SampleRecords.digest(ID_OF_SOME_LAYER));
  }

  @TearDown
  public void delete() {
    sample.close();
  }

  @Benchmark
  public void all(Blackhole blackhole) {
    list(List.of(), blackhole);
  }

  @Benchmark
  public void filtered(Blackhole blackhole) {
    list(List.of(filter), blackhole);
  }

  private void list(List<String> filters, Blackhole blackhole) {
    Predicate<SnapshotInfo> matches = Filters.parse(filters);
    sample
        .store()
        .forEach(
            record -> {
              SnapshotInfo info = record.info();
              if (matches.test(info)) {
                blackhole.consume(info);
              }
            });
  }
}
