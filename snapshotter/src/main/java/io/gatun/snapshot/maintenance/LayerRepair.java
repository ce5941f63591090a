package io.gatun.snapshot.maintenance;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.indexed.LayerRebuild;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.layerstore.IndexedWriter;
import io.gatun.snapshot.layerstore.LayerDamage;
import io.gatun.snapshot.layerstore.LayerIngest;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarWriteMode;
import io.gatun.snapshot.root.Disk;
import java.io.IOException;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the damaged or missing files of indexed layers, and repairs them:
 *
 * <pre>
 *   hash of the stored tar -> new tar from the blob -> see {@link LayerRebuild}
 * </pre>
 */
public final class LayerRepair {

  private static final Logger log = LoggerFactory.getLogger(LayerRepair.class);

  private final Disk disk;
  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final LayerBlobs blobs;
  private final TarWriteMode writeMode;
  private final LayerRebuild rebuild;

  /**
   * @param blobs the source of new tars
   */
  public LayerRepair(
      Disk disk,
      IndexedLayers indexedLayers,
      LayerBlobs blobs,
      TarWriteMode writeMode,
      LayerRebuild rebuild) {
    this.disk = disk;
    this.layers = indexedLayers.store();
    this.indexedLayers = indexedLayers;
    this.blobs = blobs;
    this.writeMode = writeMode;
    this.rebuild = rebuild;
  }

  /**
   * Verifies the layers that were marked as unsynced at the start and those of damaged snapshots,
   * and repairs them. Called while no snapshot is added or removed.
   *
   * @param damaged snapshots whose layers lack files
   */
  public void run(Collection<Long> damaged) {
    Set<Digest> suspects = new TreeSet<>(layers.unsyncedAtFirst());
    damaged.forEach(id -> indexedLayers.find(id).ifPresent(form -> suspects.add(form.diffId())));
    suspects.retainAll(indexedLayers.diffIds());
    repair(suspects);
  }

  /** Repairs one layer that was found damaged, while requests are served. */
  public void run(Digest diffId) {
    repair(Set.of(diffId));
  }

  private void repair(Set<Digest> suspects) {
    Set<Long> damaged = new HashSet<>();
    for (Digest diffId : suspects) {
      Optional<Set<Long>> found = repairTar(diffId);
      // Includes the snapshots that got the layer meanwhile.
      found.ifPresentOrElse(
          damaged::addAll, () -> rebuild.markLost(indexedLayers.referrers(diffId)));
      if (found.filter(Set::isEmpty).isPresent()) {
        // At once, so that the next start need not read it again if this one is interrupted.
        rebuild.sync(diffId);
      }
    }
    rebuild.rebuildAll(damaged, suspects);
  }

  /**
   * {@return the snapshots whose indexes have to be rebuilt; nothing if there is no tar to build
   * them from}
   */
  private Optional<Set<Long>> repairTar(Digest diffId) {
    try (LayerStore.LayerRef ref = layers.acquire(diffId)) {
      LayerDamage damage = layers.inspect(ref);
      if (damage.isTarDamaged()) {
        // An apply may have stored a new tar meanwhile.
        return restoreTar(ref) || layers.isVerified(diffId)
            ? Optional.of(indexedLayers.referrers(diffId).keySet())
            : Optional.empty();
      }
      Set<Long> withoutIndex = new HashSet<>();
      for (Map.Entry<Long, LayerForm.Indexed> user : indexedLayers.referrers(diffId).entrySet()) {
        Digest index = user.getValue().index();
        if (damage.indexes().contains(index) || !layers.contains(diffId, index)) {
          withoutIndex.add(user.getKey());
        }
      }
      return Optional.of(withoutIndex);
    } catch (IOException e) {
      log.error("layer cannot be verified diff_id={} error=\"{}\"", diffId, e.getMessage());
      return Optional.empty();
    }
  }

  /** {@return whether the layer now has a correct tar that is on the disk} */
  private boolean restoreTar(LayerStore.LayerRef ref) {
    Set<Digest> known = layers.blobs(ref.diffId());
    for (Digest digest : known) {
      Optional<LayerBlob> opened = blobs.open(digest);
      if (opened.isPresent()) {
        try (LayerBlob blob = opened.get()) {
          replaceTar(ref, blob);
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

  private void replaceTar(LayerStore.LayerRef ref, LayerBlob blob) throws IOException {
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
