package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Timespec;
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
 * Puts the files of a layer that is kept, and was applied to an active snapshot, into the directory
 * of that snapshot, for who wants to see them there.
 *
 * <p>They are written to another directory, which takes the place of the snapshot's when it is
 * complete; until then, nothing has changed.
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
   * Puts the files of an active snapshot's layer, if that is indexed, where its mounts show them.
   * That takes as long as to unpack the layer. The snapshot counts meanwhile as one that a layer is
   * being unpacked into: another caller who needs the files waits, and others are refused.
   */
  public void materialize(SnapshotRecord active, Chain chain) throws ErrnoException {
    while (indexedLayers.find(active.id()).isPresent() && !tryMaterialize(active, chain)) {
      snapshots.active().awaitPreparation(active.id());
    }
  }

  /** {@return whether nothing is left to be done; otherwise another caller is at it} */
  private boolean tryMaterialize(SnapshotRecord active, Chain chain) throws ErrnoException {
    long id = active.id();
    ActiveSnapshots states = snapshots.active();
    try (var _ = snapshots.nameLocks().lock(List.of(active.name()), "")) {
      var _ = snapshots.chains().requireSame(MOUNTS, active);
      if (states.isUnpacking(id)) {
        // A layer that is being applied is written there, as the mounts were asked for.
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
   * Puts the files of an indexed layer into an active snapshot, whose name has to be claimed, or
   * which a layer has to be marked as being unpacked into. They are as durable as the layer was.
   * Nothing is known of them afterwards, as of those that somebody else writes.
   *
   * @param operation for which they are needed
   * @param form the form in which the snapshot has its layer
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
              write(form, files, driver.target(chain), isDurable);
              if (isDurable) {
                durability.awaitFiles(operation, key, chain.id(), files, mark);
              }
            });
    Timespec createdAt = driver.createdAt(chain.id());
    // In this order: what was said of the indexed layer until now is not true of the tree.
    indexedLayers.remove(chain.id());
    snapshots.active().created(chain.id(), createdAt);
  }

  private void write(
      LayerForm.Indexed form, LinuxPath files, LayerTarget target, boolean isSyncedAfterwards)
      throws IOException {
    LayerTarget there = new LayerTarget(files, target.deletions(), target.lowers());
    try (TreeWriter writer = TreeWriter.open(snapshots.root().disk(), there, isSyncedAfterwards)) {
      indexedLayers.store().read(form.diffId(), writer, new Cancellation());
      writer.finish();
    }
  }
}
