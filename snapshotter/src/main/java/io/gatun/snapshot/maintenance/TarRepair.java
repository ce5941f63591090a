package io.gatun.snapshot.maintenance;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rebuilds the tar of an indexed layer from one of the blobs that are known to contain the layer.
 */
public final class TarRepair {

  private static final Logger log = LoggerFactory.getLogger(TarRepair.class);

  private final Disk disk;
  private final LayerStore layers;
  private final LayerBlobs blobs;
  private final TarWriteMode writeMode;

  public TarRepair(Disk disk, LayerStore layers, LayerBlobs blobs, TarWriteMode writeMode) {
    this.disk = disk;
    this.layers = layers;
    this.blobs = blobs;
    this.writeMode = writeMode;
  }

  /** {@return whether the layer now has a correct tar that is on the disk} */
  boolean repair(LayerStore.LayerRef ref) {
    Set<Digest> known = layers.blobs(ref.diffId());
    for (Digest digest : known) {
      Optional<LayerBlob> opened = blobs.open(digest);
      if (opened.isPresent()) {
        try (LayerBlob blob = opened.get()) {
          replace(ref, blob);
          return true;
        } catch (IOException e) {
          log.error(
              "layer cannot be repaired diff_id={} blob={} error=\"{}\"",
              ref.diffId(),
              digest,
              e.getMessage());
        }
      }
    }
    log.error(
        "layer is damaged, and none of its blobs can be unpacked again diff_id={} blobs={}",
        ref.diffId(),
        known);
    return false;
  }

  private void replace(LayerStore.LayerRef ref, LayerBlob blob) throws IOException {
    try (LayerPipeline pipeline = new LayerPipeline(1, 0);
        LayerIngest ingest = layers.ingest()) {
      // This index is not used: each snapshot has its own, which is built from the tar.
      Digest diffId =
          new IndexedWriter(disk, pipeline, writeMode)
              .write(
                  blob,
                  ingest,
                  IndexForm.BASE,
                  InheritedAttributes.ofTop(),
                  LowerAttributes.NOTHING,
                  new Cancellation())
              .layer()
              .diffId();
      if (!diffId.equals(ref.diffId())) {
        throw new IOException("the blob %s is the layer %s".formatted(blob.digest(), diffId));
      }
      layers.replaceTar(ref, ingest);
    }
  }
}
