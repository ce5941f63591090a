package io.gatun.bench;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.apply.ApplyLimits;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.FileBlob;
import io.gatun.snapshot.apply.LayerApplier;
import io.gatun.snapshot.apply.tree.TreeResult;
import io.gatun.snapshot.apply.tree.TreeWriter;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.disk.LinuxDisk;
import io.gatun.snapshot.driver.DeletionForm;
import io.gatun.snapshot.driver.LayerTarget;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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
 * What does it cost to apply a layer with all that is made of it, by the size of its files? The
 * layer is not compressed, and nothing is synced; each invocation writes to a new directory.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class TreeBenchmark {

  @Param("16777216")
  int sizeBytes;

  @Param({"4096", "16777216"})
  int fileBytes;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private final Cancellation cancellation = new Cancellation();
  private final Disk disk = new LinuxDisk();
  private TemporaryDirectory source;
  private TemporaryDirectory target;
  private Path layer;
  private LayerApplier applier;

  @Setup
  public void write() throws IOException {
    source = TemporaryDirectory.in(directory);
    layer = SampleLayer.write(source.path(), LayerForm.NONE, sizeBytes, fileBytes);
    applier = new LayerApplier(ApplyLimits.of(1, 0));
  }

  @TearDown
  public void delete() {
    applier.close();
    source.close();
  }

  @Setup(Level.Invocation)
  public void makeTarget() throws IOException {
    target = TemporaryDirectory.in(directory);
  }

  @TearDown(Level.Invocation)
  public void deleteTarget() {
    target.close();
  }

  @Benchmark
  public TreeResult apply() throws IOException {
    LayerTarget files =
        new LayerTarget(LinuxPath.of(target.path()), DeletionForm.OVERLAY, List.of());
    try (FileBlob blob = SampleLayer.open(layer);
        TreeWriter writer = TreeWriter.open(disk, files, false)) {
      applier.apply(blob, writer, cancellation);
      return writer.finish();
    }
  }
}
