package io.gatun.bench;

import io.gatun.snapshot.SnapshotRecord;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * Does the number of snapshots matter to a durable change? {@link #put} adds one, {@link #commit}
 * renames one. On a disk, one fdatasync(2) dominates; with the directory in memory, such as {@code
 * /dev/shm}, the result is Gatun's own cost.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class MetadataChangeBenchmark {

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

  /** A snapshot that is removed after each put, which keeps the size of the store constant. */
  @State(Scope.Thread)
  public static class NewSnapshot {

    private SnapshotRecord record;

    @Setup(Level.Invocation)
    public void make(MetadataChangeBenchmark benchmark) {
      record = benchmark.sample.newContainer();
    }

    @TearDown(Level.Invocation)
    public void remove(MetadataChangeBenchmark benchmark) {
      benchmark.sample.store().remove(record.id());
    }
  }

  /** A snapshot that is active before it is committed. */
  @State(Scope.Thread)
  public static class ActiveSnapshot {

    private SnapshotRecord active;
    private SnapshotRecord committed;

    @Setup
    public void make(MetadataChangeBenchmark benchmark) {
      active = benchmark.sample.newContainer();
      committed = SampleRecords.layer(active.id(), benchmark.sample.nextImage());
    }

    @Setup(Level.Invocation)
    public void activate(MetadataChangeBenchmark benchmark) {
      benchmark.sample.store().put(active);
    }
  }

  @Benchmark
  public void put(NewSnapshot snapshot) {
    sample.store().put(snapshot.record);
  }

  @Benchmark
  public void commit(ActiveSnapshot snapshot) {
    sample.store().put(snapshot.committed);
  }
}
