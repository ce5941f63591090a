package io.gatun.snapshot.state;

import io.gatun.snapshot.durability.TrustedIds;
import io.gatun.snapshot.metadata.Change;
import io.gatun.snapshot.metadata.MetadataStore;
import java.util.List;

/** Records in the metadata store which snapshots a failed sync affects. */
public record RecordedTrust(MetadataStore store) implements TrustedIds {

  @Override
  public long trustedFrom() {
    return store.firstTrustedId();
  }

  @Override
  public long firstUnused() {
    return store.firstUnusedId();
  }

  @Override
  public void distrustBelow(long end) {
    store.apply(List.of(new Change.SyncFailed(end)));
  }
}
