package io.gatun.snapshot.unpack;

import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** One layer on its way into a tree. */
public final class DirectoryUnpacking implements DirectorySource {

  private final Disk disk;
  private final LayerPipeline layers;
  private final LayerBlob blob;
  private final Cancellation cancellation;
  private @Nullable AppliedLayer result;

  public DirectoryUnpacking(
      Disk disk, LayerPipeline layers, LayerBlob blob, Cancellation cancellation) {
    this.disk = disk;
    this.layers = layers;
    this.blob = blob;
    this.cancellation = cancellation;
  }

  @Override
  public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
    try (TreeWriter writer = TreeWriter.open(disk, target, isSyncedAfterwards)) {
      result = layers.apply(blob, writer, cancellation);
      return writer.finish();
    }
  }

  AppliedLayer result() {
    if (result == null) {
      throw new IllegalStateException("nothing was unpacked");
    }
    return result;
  }
}
