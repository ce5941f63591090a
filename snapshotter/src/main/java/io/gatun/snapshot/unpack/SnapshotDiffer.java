package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.durability.StorageErrors;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layer.BlobSink;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.pack.LayerPacker;
import io.gatun.snapshot.layer.pack.UnfitFileException;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.SnapshotMounts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Packs the changes of overlay snapshots into layers. Two lists of mounts identify the snapshot; a
 * diff succeeds only if the snapshot existed until the end.
 *
 * <p>No name is locked meanwhile, so a commit or a removal of the snapshot does not wait. The files
 * stay in their place until the snapshot is removed; after a removal, the layer is incomplete and
 * the diff fails.
 */
public final class SnapshotDiffer implements LayerBuilder {

  private static final String OPERATION = "diff";

  private final MetadataStore store;
  private final Driver driver;
  private final Chains chains;
  private final ActiveSnapshots activeSnapshots;
  private final SnapshotMounts mounts;
  private final IndexedLayers indexedLayers;

  public SnapshotDiffer(
      MetadataStore store,
      Driver driver,
      Chains chains,
      ActiveSnapshots activeSnapshots,
      SnapshotMounts mounts,
      IndexedLayers indexedLayers) {
    this.store = store;
    this.driver = driver;
    this.chains = chains;
    this.activeSnapshots = activeSnapshots;
    this.mounts = mounts;
    this.indexedLayers = indexedLayers;
  }

  /**
   * The layers that are visible through a list of mounts.
   *
   * @param record the snapshot with the nearest layer, or the view itself if it has no layers
   * @param chain that snapshot with its parents
   * @param layers the layers, nearest first
   */
  private record Shown(SnapshotRecord record, Chain chain, List<Lower> layers) {
    Shown {
      layers = List.copyOf(layers);
    }
  }

  @Override
  public String name(List<Mount> requested) {
    return find(requested).name();
  }

  @Override
  public PackedLayer make(
      List<Mount> left,
      List<Mount> right,
      LayerFormat format,
      BlobSink sink,
      Cancellation cancellation) {
    String name = name(right);
    try {
      if (driver.name() != DriverName.OVERLAY) {
        throw new SnapshotException.Unsupported(
            "diff %s: a snapshot of the driver %s does not tell what it changes"
                .formatted(name, driver.name().configName()));
      }
      return make(name, changes(recognise(left), recognise(right)), format, sink, cancellation);
    } catch (ErrnoException e) {
      throw StorageErrors.of(OPERATION, name, e);
    } catch (IOException e) {
      throw meaning("diff %s: %s".formatted(name, e.getMessage()), e);
    }
  }

  private PackedLayer make(
      String name,
      Optional<LayerTarget> changes,
      LayerFormat format,
      BlobSink sink,
      Cancellation cancellation)
      throws IOException {
    if (changes.isEmpty()) {
      return LayerPacker.pack(changes, format, sink, cancellation);
    }
    FileStatus before = top(name, changes.get().files());
    PackedLayer layer;
    try {
      layer = LayerPacker.pack(changes, format, sink, cancellation);
    } catch (ErrnoException e) {
      // The read may have failed because the snapshot was removed.
      requireSame(name, changes.get().files(), before);
      throw e;
    }
    requireSame(name, changes.get().files(), before);
    return layer;
  }

  private static SnapshotException meaning(String message, IOException failure) {
    return switch (failure) {
      case UnsupportedLayerException _ -> new SnapshotException.Unsupported(message);
      case UnfitFileException _ -> new SnapshotException.FailedPrecondition(message);
      default -> new SnapshotException.Unavailable(message, failure);
    };
  }

  /** {@return the directory with the changes from one to the other; nothing if there are none} */
  private Optional<LayerTarget> changes(Shown left, Shown right) {
    if (left.layers().equals(right.layers())) {
      return Optional.empty();
    }
    boolean isChild =
        !right.layers().isEmpty()
            && right.layers().subList(1, right.layers().size()).equals(left.layers());
    if (!isChild) {
      throw new SnapshotException.Unsupported(
          "diff %s: %s is not its parent".formatted(right.record().name(), left.record().name()));
    }
    if (!(right.record().form() instanceof LayerForm.Directory)) {
      throw new SnapshotException.Unsupported(
          "diff %s: its layer is no directory".formatted(right.record().name()));
    }
    return Optional.of(driver.target(right.chain()));
  }

  /**
   * {@return the layers visible through mounts, which must equal the mounts of a snapshot of this
   * root}
   */
  private Shown recognise(List<Mount> requested) throws ErrnoException {
    SnapshotRecord record = find(requested);
    chains.requirePresent(OPERATION, record);
    Chain chain = chains.of(record);
    List<Lower> layers = new ArrayList<>(chain.lowers());
    if (record.kind() != Kind.VIEW) {
      layers.addFirst(Chains.lower(record));
    }
    Chain mounted =
        record.kind() == Kind.COMMITTED
            ? new Chain(record.id(), Kind.VIEW, layers, Map.of(), false)
            : chain;
    if (!driver.mounts(mounted).equals(requested)) {
      throw new SnapshotException.Unsupported(
          "diff %s: these are not the mounts that gatun gives for the snapshot"
              .formatted(record.name()));
    }
    boolean isMapped =
        requested.getFirst().options().stream().anyMatch(SnapshotDiffer::isIdMapping)
            || (chain.hasIndexedLower() && chain.isMappingAsked());
    if (isMapped) {
      throw new SnapshotException.Unsupported(
          "diff %s: its owners are mapped by its mounts".formatted(record.name()));
    }
    if (record.kind() == Kind.ACTIVE) {
      activeSnapshots.requireReadable(record.name(), record.id());
      if (indexedLayers.find(record.id()).isPresent()) {
        throw new SnapshotException.FailedPrecondition(
            "diff %s: a layer was applied, and is not in the snapshot (id %d) before its mounts are asked for"
                .formatted(record.name(), record.id()));
      }
    }
    return new Shown(record, chain, layers);
  }

  private static boolean isIdMapping(String option) {
    return option.startsWith("uidmap=") || option.startsWith("gidmap=");
  }

  private SnapshotRecord find(List<Mount> requested) {
    long id =
        mounts
            .snapshotId(requested)
            .orElseThrow(
                () ->
                    new SnapshotException.Unsupported(
                        "diff: these are no mounts of a snapshot of gatun"));
    return store
        .find(id)
        .orElseThrow(
            () ->
                new SnapshotException.NotFound(
                    "diff: the snapshot with id %d: not found".formatted(id)));
  }

  private static FileStatus top(String name, LinuxPath files) throws ErrnoException {
    return Stat.tryStatx(Fd.CURRENT_DIRECTORY, files)
        .orElseThrow(() -> Chains.notFound(OPERATION, name));
  }

  /**
   * Checks that the path still leads to the same directory. No other snapshot can get this path,
   * because snapshot ids are never reused.
   */
  private static void requireSame(String name, LinuxPath files, FileStatus before)
      throws ErrnoException {
    if (!top(name, files).isSameInode(before)) {
      throw new SnapshotException.FailedPrecondition(
          "diff %s: the snapshot was replaced meanwhile".formatted(name));
    }
  }
}
