package io.gatun.bench;

import io.gatun.snapshot.SnapshotRecord;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
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

/**
 * Does the number of snapshots matter to a single lookup? {@link #get} is the store's part of Stat,
 * {@link #children} the first query of Remove.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class MetadataLookupBenchmark {

  @Param({"100", "10000", "100000"})
  int records;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private SampleStore sample;

  @Setup
  public void fill() throws IOException {
    sample = SampleStore.open(directory, records);
  }

  @TearDown
  public void delete() {
    sample.close();
  }

  @Benchmark
  public Optional<SnapshotRecord> get() {
    return sample.store().find(sample.nextName());
  }

  @Benchmark
  public int children() {
    return sample.store().children(sample.nextImage().id());
  }
}
