package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.extract.TreeWriter;
import io.gatun.snapshot.layer.read.LayerPipeline;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.SnapshotDirectories;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes layers to directories before there are snapshots for them: as ordinary ones begin, and
 * with the mark of a layer that is being unpacked, which it is until the snapshot is known to have
 * it.
 */
public final class TreePrefetch implements LayerPrefetcher.Work<PrefetchedTree> {

  private static final Logger log = LoggerFactory.getLogger(TreePrefetch.class);

  private final Disk disk;
  private final Driver driver;
  private final DeletionForm deletions;
  private final SnapshotDirectories directories;
  private final Durability durability;
  private final ActiveSnapshots activeSnapshots;
  private final LayerPipeline pipeline;

  /**
   * @param deletions what deletions become in snapshots on top of others
   */
  public TreePrefetch(
      Disk disk,
      Driver driver,
      DeletionForm deletions,
      SnapshotDirectories directories,
      Durability durability,
      ActiveSnapshots activeSnapshots,
      LayerPipeline pipeline) {
    this.disk = disk;
    this.driver = driver;
    this.deletions = deletions;
    this.directories = directories;
    this.durability = durability;
    this.activeSnapshots = activeSnapshots;
    this.pipeline = pipeline;
  }

  /** Of trees nobody knows which blob they are. */
  @Override
  public boolean exists(Digest blob) {
    return false;
  }

  @Override
  public Optional<PrefetchedTree> make(LayerBlob blob, Cancellation cancellation)
      throws IOException {
    boolean isDurable = durability.mustSyncOnApply(false);
    long mark = durability.mark();
    SnapshotDirectories.Staged staged = directories.stage(Chains.NO_ID);
    boolean isMade = false;
    try {
      driver.create(staged.directory(), Chain.blank(Chains.NO_ID));
      activeSnapshots.markUnpacking(staged.directory());
      PrefetchedTree tree = write(blob, staged, isDurable, mark, cancellation);
      if (isDurable) {
        String key = "layer " + blob.digest();
        durability.awaitFiles("apply", key, Chains.NO_ID, staged.files(), mark);
      }
      log.debug("layer is prefetched diff_id={}", tree.layer().diffId());
      isMade = true;
      return Optional.of(tree);
    } finally {
      if (!isMade) {
        staged.close();
      }
    }
  }

  private PrefetchedTree write(
      LayerBlob blob,
      SnapshotDirectories.Staged staged,
      boolean isDurable,
      long mark,
      Cancellation cancellation)
      throws IOException {
    LayerTarget target = new LayerTarget(staged.files(), deletions, List.of());
    try (TreeWriter writer = TreeWriter.open(disk, target, isDurable)) {
      AppliedLayer layer = pipeline.apply(blob, writer, cancellation);
      TreeResult result = writer.finish();
      return new PrefetchedTree(staged, deletions, layer, result, isDurable, mark);
    }
  }

  @Override
  public void release(PrefetchedTree tree) {
    tree.discard();
  }
}
