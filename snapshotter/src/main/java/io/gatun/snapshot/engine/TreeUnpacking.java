package io.gatun.snapshot.engine;

import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.LayerApplier;
import io.gatun.snapshot.apply.LayerBlob;
import io.gatun.snapshot.apply.tree.TreeResult;
import io.gatun.snapshot.apply.tree.TreeWriter;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.driver.LayerTarget;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** One layer on its way into a tree. */
final class TreeUnpacking implements LayerWriter {

  private final Disk disk;
  private final LayerApplier layers;
  private final LayerBlob blob;
  private final Cancellation cancellation;
  private @Nullable AppliedLayer result;

  TreeUnpacking(Disk disk, LayerApplier layers, LayerBlob blob, Cancellation cancellation) {
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
