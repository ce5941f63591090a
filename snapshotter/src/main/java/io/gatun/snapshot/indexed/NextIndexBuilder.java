package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.state.Snapshots;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Builds the index of a layer for a parent that the layer has not been stacked on. */
final class NextIndexBuilder implements IndexPrefetch.Builder {

  private final Snapshots snapshots;
  private final Driver driver;
  private final Durability durability;
  private final LayerStore layers;
  private final ChainIndexBuilder indexBuilder;

  NextIndexBuilder(
      Snapshots snapshots,
      Driver driver,
      Durability durability,
      LayerStore layers,
      ChainIndexBuilder indexBuilder) {
    this.snapshots = snapshots;
    this.driver = driver;
    this.durability = durability;
    this.layers = layers;
    this.indexBuilder = indexBuilder;
  }

  @Override
  public Optional<Digest> build(
      SnapshotRecord parent, LayerStore.LayerRef ref, Cancellation cancellation)
      throws IOException {
    // Locked as by a request for the layer on this parent, so that the parent keeps its form.
    try (var _ = snapshots.nameLocks().lock(List.of(), parent.name())) {
      cancellation.check();
      Optional<SnapshotRecord> still = snapshots.store().find(parent.id());
      if (still.isEmpty() || !layers.isVerified(ref.diffId())) {
        return Optional.empty();
      }
      Chain chain =
          snapshots.chains().prospective(Kind.ACTIVE, parent.name(), Map.of(), still.get());
      return driver.target(chain).deletions().isIndexable()
          ? Optional.of(
              indexBuilder.buildFor(chain, ref, durability.mustSyncIndexed(false), cancellation))
          : Optional.empty();
    }
  }
}
