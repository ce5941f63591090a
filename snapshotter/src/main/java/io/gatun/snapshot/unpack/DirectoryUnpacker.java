package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.state.UnpackingFailures;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Makes trees of layers. */
public final class DirectoryUnpacker implements LayerUnpacker {

  private final Disk disk;
  private final Applier snapshots;
  private final LayerPipeline layers;
  private final Optional<LayerPrefetch> prefetcher;

  /**
   * @param prefetcher makes layers before they are asked for, if that is of use
   */
  public DirectoryUnpacker(
      Disk disk, Applier snapshots, LayerPipeline layers, Optional<LayerPrefetch> prefetcher) {
    this.disk = disk;
    this.snapshots = snapshots;
    this.layers = layers;
    this.prefetcher = prefetcher;
  }

  @Override
  public String key(List<Mount> mounts) {
    return snapshots.recognise(mounts).name();
  }

  @Override
  public AppliedLayer unpack(
      LayerBlob blob,
      List<Mount> mounts,
      boolean syncRequested,
      NextLayerHint next,
      Cancellation cancellation) {
    DirectoryUnpacking unpacking = new DirectoryUnpacking(disk, layers, blob, cancellation);
    try {
      if (prefetcher.isPresent()) {
        return unpack(mounts, syncRequested, prefetcher.get(), unpacking, blob, next, cancellation);
      }
      snapshots.apply(mounts, syncRequested, unpacking);
      return unpacking.result();
    } catch (IOException e) {
      throw UnpackingFailures.meaning(blob, e);
    }
  }

  @Override
  public void warmUp(LayerBlob blob) {
    try {
      var _ = layers.apply(blob, (_, _) -> {}, new Cancellation());
    } catch (IOException e) {
      throw UnpackingFailures.meaning(blob, e);
    }
  }

  private AppliedLayer unpack(
      List<Mount> mounts,
      boolean syncRequested,
      LayerPrefetch trees,
      DirectoryUnpacking unpacking,
      LayerBlob blob,
      NextLayerHint next,
      Cancellation cancellation)
      throws IOException {
    try (PrefetchedOrNewTree asked =
        new PrefetchedOrNewTree(disk, trees, unpacking, blob, next, cancellation)) {
      snapshots.apply(mounts, syncRequested, asked);
      return asked.result();
    }
  }
}
