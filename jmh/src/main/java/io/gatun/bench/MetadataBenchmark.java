package io.gatun.bench;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.filter.Filters;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Does the number of snapshots matter to the metadata store?
 *
 * <ul>
 *   <li>{@link #get} is the store's part of Stat, {@link #children} the first query of Remove;
 *   <li>{@link #all} and {@link #filtered} are List before anything is sent: as in the engine,
 *       every record is read and passed to the filter. {@link #filtered} finds one by the label
 *       that containerd searches for layers;
 *   <li>{@link #put} durably adds a snapshot, {@link #commit} renames one. On a disk, one
 *       fdatasync(2) dominates; with the directory in memory, such as {@code /dev/shm}, the result
 *       is Gatun's own cost.
 * </ul>
 */
@State(Scope.Benchmark)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class MetadataBenchmark extends ShortRuns {

  private static final int ID_OF_SOME_LAYER = 42;

  private static final String FILTER =
      "labels.\"%s\"==\"%s\""
          .formatted(SampleRecords.REFERENCE_LABEL, SampleRecords.digest(ID_OF_SOME_LAYER));

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
    public void make(MetadataBenchmark benchmark) {
      record = benchmark.sample.newContainer();
    }

    @TearDown(Level.Invocation)
    public void remove(MetadataBenchmark benchmark) {
      benchmark.sample.store().remove(record.id());
    }
  }

  /** A snapshot that is active before it is committed. */
  @State(Scope.Thread)
  public static class ActiveSnapshot {

    private SnapshotRecord active;
    private SnapshotRecord committed;

    @Setup
    public void make(MetadataBenchmark benchmark) {
      active = benchmark.sample.newContainer();
      committed = SampleRecords.layer(active.id(), benchmark.sample.nextImage());
    }

    @Setup(Level.Invocation)
    public void activate(MetadataBenchmark benchmark) {
      benchmark.sample.store().put(active);
    }
  }

  @Benchmark
  @OutputTimeUnit(TimeUnit.NANOSECONDS)
  public Optional<SnapshotRecord> get() {
    return sample.store().find(sample.nextName());
  }

  @Benchmark
  @OutputTimeUnit(TimeUnit.NANOSECONDS)
  public int children() {
    return sample.store().children(sample.nextImage().id());
  }

  @Benchmark
  public void all(Blackhole blackhole) {
    list(List.of(), blackhole);
  }

  @Benchmark
  public void filtered(Blackhole blackhole) {
    list(List.of(FILTER), blackhole);
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

  @Benchmark
  public void put(NewSnapshot snapshot) {
    sample.store().put(snapshot.record);
  }

  @Benchmark
  public void commit(ActiveSnapshot snapshot) {
    sample.store().put(snapshot.committed);
  }
}
