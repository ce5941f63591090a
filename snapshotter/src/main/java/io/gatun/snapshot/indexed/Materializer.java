package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Snapshots;
import io.gatun.snapshot.state.UnpackingFailures;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Writes the files of an indexed layer that was applied to an active snapshot to the snapshot's
 * directory, for clients that use its mounts.
 *
 * <p>The files go to a new directory, which takes the place of the snapshot's directory when it is
 * complete. Until then, nothing changes.
 */
public final class Materializer {

  private static final String MOUNTS = "mounts";

  private final Snapshots snapshots;
  private final Driver driver;
  private final Durability durability;
  private final IndexedLayers indexedLayers;

  Materializer(
      Snapshots snapshots, Driver driver, Durability durability, IndexedLayers indexedLayers) {
    this.snapshots = snapshots;
    this.driver = driver;
    this.durability = durability;
    this.indexedLayers = indexedLayers;
  }

  /**
   * Makes the files of an active snapshot's layer, if it is indexed, visible through the snapshot's
   * mounts. This takes as long as unpacking the layer. The snapshot is marked meanwhile: another
   * caller that needs the files waits, and conflicting requests fail.
   */
  public void materialize(SnapshotRecord active, Chain chain) throws ErrnoException {
    while (indexedLayers.find(active.id()).isPresent() && !tryMaterialize(active, chain)) {
      snapshots.active().awaitPreparation(active.id());
    }
  }

  /** {@return whether nothing is left to do; otherwise another caller is writing the files} */
  private boolean tryMaterialize(SnapshotRecord active, Chain chain) throws ErrnoException {
    long id = active.id();
    ActiveSnapshots states = snapshots.active();
    try (var _ = snapshots.nameLocks().lock(List.of(active.name()), "")) {
      var _ = snapshots.chains().requireSame(MOUNTS, active);
      if (states.isUnpacking(id)) {
        // A layer that is being applied goes to the directory, because the mounts were requested.
        return !states.isPreparing(id);
      }
      states.begin(active.name(), id);
    }
    try {
      Optional<LayerForm.Indexed> form = indexedLayers.find(id);
      if (form.isPresent()) {
        materialize(MOUNTS, active.name(), chain, form.get());
      }
    } finally {
      states.end(id);
    }
    return true;
  }

  /**
   * Writes the files of an indexed layer to the directory of an active snapshot. The caller has
   * locked its name, or has marked it as being unpacked. The files are as durable as the layer was.
   * Afterwards there is no state of them, as of files that a client writes.
   *
   * @param operation the operation that needs the files
   * @param form the form of the snapshot's layer
   */
  public void materialize(String operation, String key, Chain chain, LayerForm.Indexed form)
      throws ErrnoException {
    try {
      writeTree(operation, key, chain, form);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw UnpackingFailures.ofIndexed(operation, key, e);
    }
  }

  private void writeTree(String operation, String key, Chain chain, LayerForm.Indexed form)
      throws IOException {
    boolean isDurable =
        snapshots
            .active()
            .findRecordedIndexed(chain.id())
            .map(ActiveSnapshots.Layer::isDurable)
            .orElse(false);
    long mark = durability.mark();
    snapshots
        .directories()
        .remake(
            chain.id(),
            (directory, path) -> {
              driver.create(directory, chain);
              LinuxPath files = path.resolve(Root.FILES);
              write(form, files, driver.target(chain), isDurable, new Cancellation());
              if (isDurable) {
                durability.awaitFiles(operation, key, chain.id(), files, mark);
              }
            });
    Timespec createdAt = driver.createdAt(chain.id());
    // In this order, because the state of the indexed layer does not apply to the tree.
    indexedLayers.remove(chain.id());
    snapshots.active().created(chain.id(), createdAt);
  }

  /**
   * Writes the files of an indexed layer to a directory.
   *
   * @param target the snapshot's directory, with the layers below it
   */
  public void write(
      LayerForm.Indexed form,
      LinuxPath files,
      LayerTarget target,
      boolean isSyncedAfterwards,
      Cancellation cancellation)
      throws IOException {
    LayerTarget there = new LayerTarget(files, target.deletions(), target.lowers());
    try (TreeWriter writer = TreeWriter.open(snapshots.root().disk(), there, isSyncedAfterwards)) {
      indexedLayers.store().read(form.diffId(), writer, cancellation);
      writer.finish();
    }
  }
}
