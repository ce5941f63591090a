package io.gatun.bench;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.filter.Filters;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** What does it cost to parse a filter, once per List, and to evaluate it once? */
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FilterBenchmark extends ShortRuns {

  /** The filters; each matches the sample snapshot. */
  public enum Sample {
    KIND("kind==committed"),
    LABEL("labels.\"%s\"==\"%s\"".formatted(SampleRecords.REFERENCE_LABEL, digest())),
    EXPRESSION("name~=/sha256:[0-9a-f]{64}$/"),
    SEVERAL("kind==committed,parent==\"\",labels.\"%s\"".formatted(SampleRecords.REFERENCE_LABEL));

    private final String filter;

    Sample(String filter) {
      this.filter = filter;
    }
  }

  private static final long ID = 42;

  @Param Sample sample;

  private final SnapshotInfo info = SampleRecords.layer(ID, null).info();
  private List<String> filters;
  private Predicate<SnapshotInfo> parsed;

  private static String digest() {
    return SampleRecords.digest(ID);
  }

  @Setup
  public void prepare() {
    filters = List.of(sample.filter);
    parsed = Filters.parse(filters);
    if (!parsed.test(info)) {
      throw new IllegalStateException(filters + " does not match " + info);
    }
  }

  @Benchmark
  public Predicate<SnapshotInfo> parse() {
    return Filters.parse(filters);
  }

  @Benchmark
  public boolean match() {
    return parsed.test(info);
  }
}
