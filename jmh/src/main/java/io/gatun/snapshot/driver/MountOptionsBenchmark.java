package io.gatun.snapshot.driver;

import io.gatun.bench.ShortRuns;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * What does it cost to build the mount options of a container, by the number of its layers? 128 is
 * about the maximum of an image.
 */
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class MountOptionsBenchmark extends ShortRuns {

  /** The number of digits of ids after a few months. */
  private static final long FIRST_ID = 123_456;

  @Param({"1", "10", "128"})
  int layers;

  private OverlayMounts mounts;
  private Chain chain;

  @Setup
  public void build() {
    mounts =
        new OverlayMounts(
            new SnapshotPaths("/var/lib/gatun"),
            OverlaySettings.DEFAULT,
            new OverlayFeatures(false, true));
    List<Long> parents =
        LongStream.range(0, layers).mapToObj(layer -> FIRST_ID - 1 - layer).toList();
    chain = new Chain(FIRST_ID, Kind.ACTIVE, Lower.directories(parents), Map.of(), false);
  }

  @Benchmark
  public List<Mount> container() {
    return mounts.of(chain);
  }
}
