package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.durability.Durability;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.NameLocks;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes the index that a layer has on a snapshot on which it is not, yet. */
public final class NextIndexBuilder implements IndexPrefetch.Builder {

  private final MetadataStore store;
  private final Driver driver;
  private final NameLocks nameLocks;
  private final Chains chains;
  private final LayerStore layers;
  private final Durability durability;
  private final ChainIndexBuilder indexBuilder;

  public NextIndexBuilder(
      MetadataStore store,
      Driver driver,
      NameLocks nameLocks,
      Chains chains,
      LayerStore layers,
      Durability durability,
      ChainIndexBuilder indexBuilder) {
    this.store = store;
    this.driver = driver;
    this.nameLocks = nameLocks;
    this.chains = chains;
    this.layers = layers;
    this.durability = durability;
    this.indexBuilder = indexBuilder;
  }

  @Override
  public Optional<Digest> build(
      SnapshotRecord parent, LayerStore.LayerRef ref, Cancellation cancellation)
      throws IOException {
    // As whoever asks for the layer there, so that it stays, in the form that it has.
    try (var _ = nameLocks.lock(List.of(), parent.name())) {
      cancellation.check();
      Optional<SnapshotRecord> still = store.find(parent.id());
      if (still.isEmpty() || !layers.isVerified(ref.diffId())) {
        return Optional.empty();
      }
      Chain chain = chains.prospective(Kind.ACTIVE, parent.name(), Map.of(), still.get());
      return driver.target(chain).deletions().isIndexable()
          ? Optional.of(
              indexBuilder.buildFor(chain, ref, durability.mustSyncIndexed(false), cancellation))
          : Optional.empty();
    }
  }
}
