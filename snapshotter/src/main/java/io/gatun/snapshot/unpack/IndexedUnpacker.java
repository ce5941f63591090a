package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Mount;
import io.gatun.snapshot.indexed.LayerRebuild;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.state.UnpackingFailures;
import java.io.IOException;
import java.util.List;

/** Keeps layers as tars where it can, and makes trees of the others. */
public final class IndexedUnpacker implements LayerUnpacker {

  private final Disk disk;
  private final Applier snapshots;
  private final LayerPipeline pipeline;
  private final LayerStore layers;
  private final LayerRebuild rebuild;
  private final IndexedWriter indexing;
  private final LayerPrefetch prefetcher;

  public IndexedUnpacker(
      Disk disk,
      Applier snapshots,
      LayerPipeline pipeline,
      LayerStore layers,
      LayerRebuild rebuild,
      IndexedWriter indexing,
      LayerPrefetch prefetcher) {
    this.disk = disk;
    this.snapshots = snapshots;
    this.pipeline = pipeline;
    this.layers = layers;
    this.rebuild = rebuild;
    this.indexing = indexing;
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
    DirectoryUnpacking tree = new DirectoryUnpacking(disk, pipeline, blob, cancellation);
    try (IndexedUnpacking unpacking =
            new IndexedUnpacking(disk, layers, rebuild, indexing, tree, blob, cancellation);
        PrefetchedOrNewTar asked =
            new PrefetchedOrNewTar(prefetcher, unpacking, blob, next, cancellation)) {
      snapshots.apply(mounts, syncRequested, asked);
      return asked.result();
    } catch (IOException e) {
      throw UnpackingFailures.meaning(blob, e);
    }
  }

  @Override
  public void warmUp(LayerBlob blob) {
    try {
      indexing.warmUp(blob, new Cancellation());
    } catch (IOException e) {
      throw UnpackingFailures.meaning(blob, e);
    }
  }
}
