package io.gatun.snapshot.engine;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.apply.AppliedLayer;
import io.gatun.snapshot.apply.Cancellation;
import io.gatun.snapshot.apply.LayerApplier;
import io.gatun.snapshot.apply.LayerBlob;
import io.gatun.snapshot.disk.Disk;
import java.io.IOException;
import java.util.List;

/** Makes trees of layers. */
final class TreeUnpacker implements LayerUnpacker {

  private final Disk disk;
  private final SnapshotApplier snapshots;
  private final LayerApplier layers;

  TreeUnpacker(Disk disk, SnapshotApplier snapshots, LayerApplier layers) {
    this.disk = disk;
    this.snapshots = snapshots;
    this.layers = layers;
  }

  @Override
  public String key(List<Mount> mounts) {
    return snapshots.recognise(mounts).name();
  }

  @Override
  public AppliedLayer unpack(
      LayerBlob blob, List<Mount> mounts, boolean isDurabilityWanted, Cancellation cancellation) {
    TreeUnpacking unpacking = new TreeUnpacking(disk, layers, blob, cancellation);
    try {
      snapshots.apply(mounts, isDurabilityWanted, unpacking);
      return unpacking.result();
    } catch (IOException e) {
      throw UnpackingFailures.meaning(blob, e);
    }
  }
}
