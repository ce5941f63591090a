package io.gatun.bench;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What does it cost to write a layer to disk, as a directory tree and as a tar with an index, by
 * file size? The layer is uncompressed, and nothing is synced; each invocation writes to new
 * directories.
 */
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class AppliedFormBenchmark extends ShortRuns {

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
  private Path tree;
  private LayerPipeline pipeline;
  private Root root;
  private LayerStore store;

  @Setup
  public void write() throws IOException {
    source = TemporaryDirectory.in(directory);
    layer = SampleLayer.write(source.path(), LayerForm.NONE, sizeBytes, fileBytes);
    pipeline = new LayerPipeline(1, 0);
  }

  @TearDown
  public void delete() {
    pipeline.close();
    source.close();
  }

  @Setup(Level.Invocation)
  public void makeTargets() throws IOException, UnusableRootException {
    target = TemporaryDirectory.in(directory);
    tree = Files.createDirectory(target.path().resolve("tree"));
    root = Root.open(disk, target.path().resolve("root"));
    store = LayerStore.open(disk, root, SyncWatch.alone());
  }

  @TearDown(Level.Invocation)
  public void deleteTargets() {
    root.close();
    target.close();
  }

  @Benchmark
  public TreeResult directory() throws IOException {
    LayerTarget files = new LayerTarget(LinuxPath.of(tree), DeletionForm.OVERLAY, List.of());
    try (FileBlob blob = SampleLayer.open(layer);
        TreeWriter writer = TreeWriter.open(disk, files, false)) {
      pipeline.apply(blob, writer, cancellation);
      return writer.finish();
    }
  }

  @Benchmark
  public IndexedWriter.Result indexed() throws IOException {
    try (FileBlob blob = SampleLayer.open(layer);
        LayerIngest ingest = store.ingest()) {
      IndexedWriter.Result result =
          new IndexedWriter(disk, pipeline, new TarWriteMode(false, false))
              .write(
                  blob,
                  ingest,
                  IndexForm.OVERLAY,
                  InheritedAttributes.ofTop(),
                  LowerAttributes.NOTHING,
                  cancellation);
      if (result instanceof IndexedWriter.Result.Indexed indexed) {
        store.publish(ingest, indexed, blob.digest(), false).close();
      }
      return result;
    }
  }
}
