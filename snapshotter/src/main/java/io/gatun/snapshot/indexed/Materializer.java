package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.UnpackingFailures;
import java.io.IOException;

/**
 * Puts the files of a layer that is kept, and was applied to an active snapshot, into the directory
 * of that snapshot, for who wants to see them there.
 *
 * <p>They are written to another directory, which takes the place of the snapshot's when it is
 * complete; until then, nothing has changed.
 */
public final class Materializer {

  private final Disk disk;
  private final Driver driver;
  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final SnapshotDirectories directories;
  private final Durability durability;
  private final ActiveSnapshots activeSnapshots;

  public Materializer(
      Disk disk,
      Driver driver,
      LayerStore layers,
      IndexedLayers indexedLayers,
      SnapshotDirectories directories,
      Durability durability,
      ActiveSnapshots activeSnapshots) {
    this.disk = disk;
    this.driver = driver;
    this.layers = layers;
    this.indexedLayers = indexedLayers;
    this.directories = directories;
    this.durability = durability;
    this.activeSnapshots = activeSnapshots;
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
        activeSnapshots
            .findRecordedIndexed(chain.id())
            .map(ActiveSnapshots.Layer::isDurable)
            .orElse(false);
    long mark = durability.mark();
    directories.remake(
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
    activeSnapshots.created(chain.id(), createdAt);
  }

  private void write(
      LayerForm.Indexed form, LinuxPath files, LayerTarget target, boolean isSyncedAfterwards)
      throws IOException {
    LayerTarget there = new LayerTarget(files, target.deletions(), target.lowers());
    try (TreeWriter writer = TreeWriter.open(disk, there, isSyncedAfterwards)) {
      layers.read(form.diffId(), writer, new Cancellation());
      writer.finish();
    }
  }
}
