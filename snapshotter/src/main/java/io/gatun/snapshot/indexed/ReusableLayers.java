package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.state.SnapshotDirectories;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Knows which indexed layers may be had without being unpacked, and by whom. */
public final class ReusableLayers {

  /** What containerd finds when it looks for a layer. */
  enum Match {
    ABSENT,
    /** Snapshots that have the layer, as far as it has been asked for. */
    MATCHES,
    /** A snapshot of which nobody here can say that it has the layer. */
    CONFLICTS
  }

  private final MetadataStore store;
  private final SnapshotDirectories directories;
  private final LayerStore layers;
  private final IndexedLayers indexedLayers;

  public ReusableLayers(
      MetadataStore store,
      SnapshotDirectories directories,
      LayerStore layers,
      IndexedLayers indexedLayers) {
    this.store = store;
    this.directories = directories;
    this.layers = layers;
    this.indexedLayers = indexedLayers;
  }

  /**
   * {@return the diff id of a layer that is wanted, if it is there, as an apply to this root has
   * found, and the namespace that wants it has it}
   *
   * <p>Nobody gets content here that he could not have: who has a snapshot with the layer can read
   * it. So containerd itself does with a chain that a namespace has.
   */
  Optional<Digest> find(SnapshotRef ref) {
    return indexedLayers.diffIds().stream()
        .filter(ref::matches)
        .findFirst()
        .filter(diffId -> layers.isVerified(diffId) && isVisibleTo(ref, diffId));
  }

  private boolean isVisibleTo(SnapshotRef ref, Digest diffId) {
    return indexedLayers.referrers(diffId).keySet().stream()
        .flatMap(id -> store.find(id).stream())
        .anyMatch(user -> ref.isOfSameNamespace(user) && hasWhole(user, diffId));
  }

  /** {@return whether a snapshot has a layer, which no record says of one that is not committed} */
  private boolean hasWhole(SnapshotRecord snapshot, Digest diffId) {
    return snapshot.form() instanceof LayerForm.Indexed form
        && form.diffId().equals(diffId)
        && !directories.isMissing(snapshot.id());
  }

  /**
   * {@return what containerd finds if it looks for a layer now} It takes any snapshot with the
   * label and the parent, without a look at what is in it, or whose it is.
   */
  Match look(SnapshotRef ref, Digest diffId) {
    List<SnapshotRecord> found = new ArrayList<>();
    if (ref.parent() == null || store.children(ref.parent().id()) > 0) {
      store.forEach(
          snapshot -> {
            if (ref.satisfies(snapshot)) {
              found.add(snapshot);
            }
          });
    }
    if (found.isEmpty()) {
      return Match.ABSENT;
    }
    return found.stream().allMatch(snapshot -> hasWhole(snapshot, diffId))
        ? Match.MATCHES
        : Match.CONFLICTS;
  }
}
