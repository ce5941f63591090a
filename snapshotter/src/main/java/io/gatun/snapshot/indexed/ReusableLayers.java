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

/** Finds the indexed layers that a namespace may reuse without unpacking them. */
public final class ReusableLayers {

  /** The result of containerd's search for a layer. */
  enum Match {
    ABSENT,
    /** One or more snapshots, all of which have the layer. */
    MATCHES,
    /** At least one snapshot that is not known to have the layer. */
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
   * {@return the diff id of the requested layer, if it is stored and verified, and a snapshot of
   * the requesting namespace has it}
   *
   * <p>This never exposes a layer to a namespace that could not already read it, because a
   * namespace can read the layers of its snapshots. containerd itself does the same with a chain
   * that a namespace has.
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

  /**
   * {@return whether a snapshot is recorded to have a layer and has its directory} Only records of
   * committed snapshots name layers.
   */
  private boolean hasWhole(SnapshotRecord snapshot, Digest diffId) {
    return snapshot.form() instanceof LayerForm.Indexed form
        && form.diffId().equals(diffId)
        && !directories.isMissing(snapshot.id());
  }

  /**
   * {@return the result if containerd searches for a layer now} containerd takes any snapshot with
   * the label and the parent, and checks neither its content nor its namespace.
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
