package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.durability.StorageErrors;
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
import io.gatun.snapshot.state.ApplyTarget;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.Snapshots;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores layers as directories:
 *
 * <pre>
 *   written:      record begun -> files -> files durable -> record
 *   prefetched:   directory in trash/ with files, durable -> exchanged with the snapshot's, durably
 *                 -> attributes from the layers below -> record
 * </pre>
 *
 * <p>A prefetched layer is written to the directory of a blank snapshot. Its unpack record says
 * that it is being unpacked, until the layer is recorded for its snapshot.
 */
public final class DirectoryBackend implements LayerBackend {

  private static final Logger log = LoggerFactory.getLogger(DirectoryBackend.class);

  private final Disk disk;
  private final Driver driver;
  private final SnapshotDirectories directories;
  private final Durability durability;
  private final ActiveSnapshots activeSnapshots;
  private final Rebase rebase;
  private final LayerPipeline pipeline;

  public DirectoryBackend(
      Snapshots snapshots,
      Driver driver,
      Durability durability,
      Rebase rebase,
      LayerPipeline pipeline) {
    this.disk = snapshots.root().disk();
    this.driver = driver;
    this.directories = snapshots.directories();
    this.durability = durability;
    this.activeSnapshots = snapshots.active();
    this.rebase = rebase;
    this.pipeline = pipeline;
  }

  @Override
  public boolean accepts(ApplyTarget target) throws ErrnoException {
    return target.chain().extraction() && driver.isBlank(target.chain());
  }

  @Override
  public Unpacked apply(
      ApplyTarget target,
      LayerBlob blob,
      Optional<Prefetched> prefetched,
      Cancellation cancellation)
      throws IOException {
    if (prefetched.orElse(null) instanceof PrefetchedTree tree && tree.take()) {
      Optional<ActiveSnapshots.Layer> placed =
          tree.isFor(disk, target.files()) ? place(target, tree) : Optional.empty();
      if (placed.isPresent()) {
        return new Unpacked.Tree(tree.layer(), placed.get());
      }
      // Released at once, because the layer that is written now needs the room.
      tree.release();
    }
    return write(target, consumer -> pipeline.apply(blob, consumer, cancellation));
  }

  /** Writes a layer to the snapshot's directory. */
  Unpacked write(ApplyTarget target, LayerReading layer) throws IOException {
    Extraction extraction = new Extraction(layer);
    ActiveSnapshots.Layer known = write(target, extraction);
    return new Unpacked.Tree(extraction.result(), known);
  }

  /**
   * Writes a layer from another source.
   *
   * @return the state to record
   */
  ActiveSnapshots.Layer write(ApplyTarget target, DirectorySource source) throws IOException {
    String key = target.key();
    target.markUnpacking();
    long mark = durability.beginApply(key, target.id(), target.syncRequested());
    boolean isDurable = durability.mustSyncOnApply(target.syncRequested());
    LayerTarget files = target.files();
    TreeResult result = StorageErrors.name("apply", key, () -> source.write(files, isDurable));
    // Read before the sync, so that writes by another process meanwhile are detected.
    ActiveSnapshots.Layer known =
        new ActiveSnapshots.Layer(result, isDurable, target.changeTimes());
    durability.awaitApply(key, target.id(), files.files(), mark, target.syncRequested());
    return known;
  }

  /**
   * Puts a prefetched tree in the place of the snapshot's directory.
   *
   * @return the state to record; nothing if the snapshot's mounts were handed out meanwhile
   */
  private Optional<ActiveSnapshots.Layer> place(ApplyTarget target, PrefetchedTree tree)
      throws ErrnoException {
    SnapshotDirectories.Staged staged = tree.staged();
    boolean isDurable = durability.mustSyncOnApply(target.syncRequested());
    if (isDurable && !tree.isDurable()) {
      durability.awaitFiles("apply", target.key(), target.id(), staged.files(), tree.mark());
    }
    long mark = directories.mark();
    if (!target.exchangeIfNotExposed(staged)) {
      return Optional.empty();
    }
    if (isDurable) {
      directories.await(mark);
    }
    target.requireCommittable();
    ActiveSnapshots.Layer alone = new ActiveSnapshots.Layer(tree.result(), isDurable, List.of());
    ActiveSnapshots.Layer known =
        target.chain().lowers().isEmpty()
            ? alone
            : StorageErrors.name("apply", target.key(), () -> rebase.putOn(target.chain(), alone));
    return Optional.of(known.withChangeTimes(target.changeTimes()));
  }

  /** A directory does not tell from which blob it was unpacked. */
  @Override
  public boolean isPresent(Digest blob) {
    return false;
  }

  @Override
  public Optional<PrefetchedTree> prefetch(LayerBlob blob, Cancellation cancellation)
      throws IOException {
    DeletionForm deletions = driver.deletionsOverOthers().orElseThrow();
    boolean isDurable = durability.mustSyncOnApply(false);
    long mark = durability.mark();
    SnapshotDirectories.Staged staged = directories.stage(Chains.NO_ID);
    try {
      driver.create(staged.directory(), Chain.blank(Chains.NO_ID));
      activeSnapshots.markUnpacking(staged.directory());
      Extraction extraction =
          new Extraction(consumer -> pipeline.apply(blob, consumer, cancellation));
      TreeResult result =
          extraction.write(new LayerTarget(staged.files(), deletions, List.of()), isDurable);
      if (isDurable) {
        String key = "layer " + blob.digest();
        durability.awaitFiles("apply", key, Chains.NO_ID, staged.files(), mark);
      }
      AppliedLayer layer = extraction.result();
      log.debug("layer is prefetched diff_id={}", layer.diffId());
      return Optional.of(new PrefetchedTree(staged, deletions, layer, result, isDurable, mark));
    } catch (IOException | RuntimeException | Error e) {
      staged.close();
      throw e;
    }
  }

  @Override
  public void warmUp(LayerBlob blob) throws IOException {
    var _ = pipeline.apply(blob, (_, _) -> {}, new Cancellation());
  }

  /** Writes a layer to a tree, and keeps the description of the layer. */
  private final class Extraction implements DirectorySource {
    private final LayerReading layer;
    private @Nullable AppliedLayer result;

    Extraction(LayerReading layer) {
      this.layer = layer;
    }

    @Override
    public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
      try (TreeWriter writer = TreeWriter.open(disk, target, isSyncedAfterwards)) {
        result = layer.read(writer);
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
}
