package io.gatun.snapshot.unpack;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.state.ActiveSnapshots;
import io.gatun.snapshot.state.ApplyTarget;
import java.io.IOException;
import java.util.Optional;

/** A layer that was unpacked for a snapshot, and is not recorded as the snapshot's layer yet. */
sealed interface Unpacked extends AutoCloseable permits Unpacked.Tree, IndexedBackend.Tar {

  /** {@return the description of the layer, to be used once it is recorded} */
  AppliedLayer layer();

  /** {@return the tar that was restored or replaced for other snapshots, if there is one} */
  Optional<Replaced> replaced();

  /**
   * Records that a snapshot has the layer, if it can have it in this form, and ends the mark.
   *
   * @return nothing if the layer was recorded; otherwise the layer, to be written to the snapshot's
   *     directory
   */
  Optional<LayerReading> record(ApplyTarget target) throws IOException;

  @Override
  void close();

  /**
   * A tar that may differ from the one that snapshots were using.
   *
   * @param wasDamaged whether that one is known to have been damaged
   */
  record Replaced(Digest diffId, boolean wasDamaged) {}

  /**
   * A layer in the snapshot's directory.
   *
   * @param known the state to record
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
