package io.gatun.bench;

import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.read.LayerPipeline;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What does it cost to apply a layer without writing its files? The blob is in the page cache, and
 * its digest is known; the consumer reads all content and discards it.
 */
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class LayerBenchmark extends ShortRuns {

  @Param LayerForm form;

  @Param({"16384", "67108864"})
  int sizeBytes;

  @Param({"4096", "16777216"})
  int fileBytes;

  @Param(TemporaryDirectory.DEFAULT_PARENT)
  String directory;

  private final Cancellation cancellation = new Cancellation();
  private TemporaryDirectory temporary;
  private Path layer;
  private LayerPipeline pipeline;

  @Setup
  public void write() throws IOException {
    temporary = TemporaryDirectory.in(directory);
    layer = SampleLayer.write(temporary.path(), form, sizeBytes, fileBytes);
    pipeline = new LayerPipeline(1, 0);
  }

  @TearDown
  public void delete() {
    pipeline.close();
    temporary.close();
  }

  @Benchmark
  public AppliedLayer apply() throws IOException {
    try (FileBlob blob = SampleLayer.open(layer)) {
      return pipeline.apply(
          blob,
          (entry, content) -> {
            while (content.next().hasRemaining()) {}
          },
          cancellation);
    }
  }
}
