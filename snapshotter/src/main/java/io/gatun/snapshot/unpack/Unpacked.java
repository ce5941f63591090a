package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.state.ActiveSnapshots;
import java.io.IOException;
import java.util.Optional;

/** A layer that was unpacked for a snapshot, and is not recorded as its layer yet. */
sealed interface Unpacked extends AutoCloseable permits Unpacked.Tree, IndexedBackend.Tar {

  /** {@return what is known of the layer, once it is recorded} */
  AppliedLayer layer();

  /** {@return the tar of other snapshots that is there again, or another one, if there is one} */
  Optional<Replaced> replaced();

  /**
   * Records that a snapshot has the layer, which ends the mark, if it can have it in this form.
   *
   * @return nothing; otherwise what has to be written to the snapshot's directory instead
   */
  Optional<LayerReading> record(ApplyTarget target) throws IOException;

  @Override
  void close();

  /**
   * A tar that may not be the one that snapshots were using.
   *
   * @param wasDamaged whether it is known that they were using a damaged one
   */
  record Replaced(Digest diffId, boolean wasDamaged) {}

  /**
   * A layer in the snapshot's directory.
   *
   * @param known to be recorded
   */
  record Tree(AppliedLayer layer, ActiveSnapshots.Layer known) implements Unpacked {

    @Override
    public Optional<Replaced> replaced() {
      return Optional.empty();
    }

    @Override
    public Optional<LayerReading> record(ApplyTarget target) throws IOException {
      target.unpacked(known);
      return Optional.empty();
    }

    @Override
    public void close() {}
  }
}
