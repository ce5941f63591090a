package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.layerstore.TarReplacementListener;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.state.Chains;
import io.gatun.snapshot.state.SnapshotDirectories;
import io.gatun.snapshot.state.Snapshots;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets snapshots use indexed layers whose tars were replaced or restored:
 *
 * <pre>
 *   mounts the new tar, once the store has it
 *   builds the index of each snapshot, compares it with the record, and mounts it
 * </pre>
 *
 * <p>A mount of the old tar could otherwise outlive a killed daemon, and the next daemon would take
 * it for a mount of the new tar. Id-mapped mounts are created again on request.
 *
 * <p>This class never writes to an existing file. It names the overlays that still run on an old
 * file. A layer whose index cannot be built is reported missing; an active snapshot that has such a
 * layer counts as partly unpacked.
 */
public final class LayerRebuild implements TarReplacementListener {

  private static final Logger log = LoggerFactory.getLogger(LayerRebuild.class);

  private final Snapshots snapshots;
  private final MetadataStore store;
  private final Chains chains;
  private final SnapshotDirectories directories;
  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;
  private final ChainIndexBuilder indexBuilder;
  private final LayerUsers users;

  /** By diff id of each layer whose tar was replaced: the old device numbers by snapshot id. */
  private final Map<Digest, Map<Long, Long>> replaced = new ConcurrentHashMap<>();

  LayerRebuild(
      Snapshots snapshots,
      IndexedLayers indexedLayers,
      LayerMounts layerMounts,
      ChainIndexBuilder indexBuilder,
      LayerUsers users) {
    this.snapshots = snapshots;
    this.store = snapshots.store();
    this.chains = snapshots.chains();
    this.directories = snapshots.directories();
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
    this.indexBuilder = indexBuilder;
    this.users = users;
  }

  @Override
  public void beforeReplace(Digest diffId) {
    replaced.put(diffId, unmount(diffId));
  }

  @Override
  public void afterReplace(Digest diffId) {
    try {
      Map<Long, Long> meanwhile = unmount(diffId);
      replaced.computeIfPresent(
          diffId,
          (_, before) -> {
            meanwhile.putAll(before);
            return meanwhile;
          });
      layerMounts.mountNeeded(indexedLayers.referrers(diffId).keySet());
    } catch (RuntimeException e) {
      // A bug, which must not hide the reason why the tar could not be replaced.
      log.error("layer cannot be mounted again diff_id={}", diffId, e);
    }
  }

  private Map<Long, Long> unmount(Digest diffId) {
    return layerMounts.unmount(indexedLayers.referrers(diffId).keySet());
  }

  /**
   * {@return the device numbers of the mounts of a layer's replaced tar, by snapshot id; empty if
   * it was not replaced} They are returned only once.
   */
  private Map<Long, Long> takeOld(Digest diffId) {
    return Optional.ofNullable(replaced.remove(diffId)).orElse(Map.of());
  }

  /**
   * Lets snapshots use a layer that was unpacked again for another snapshot: those that had lost
   * it, or all of them if its tar was damaged. Runs while requests are served.
   */
  public void tarReplaced(Digest diffId, boolean wasDamaged) {
    if (wasDamaged) {
      rebuildAll(indexedLayers.referrers(diffId).keySet(), Set.of(diffId));
    }
    // The replaced tar was unverified, but not necessarily damaged.
    users
        .onOldFiles(takeOld(diffId))
        .forEach(
            (id, names) ->
                log.warn(
                    "the tar of a layer was replaced id={} diff_id={} still_on_the_old_file={}",
                    id,
                    diffId,
                    names));
    Set<Long> lost = new HashSet<>(indexedLayers.referrers(diffId).keySet());
    lost.removeIf(id -> !directories.isDamaged(id));
    if (!lost.isEmpty()) {
      rebuildAll(lost, Set.of(diffId));
    }
  }

  /**
   * Lets snapshots use layers whose tars are correct.
   *
   * @param damaged the snapshots whose indexes are rebuilt
   * @param suspects the layers to sync
   */
  public void rebuildAll(Set<Long> damaged, Set<Digest> suspects) {
    Map<Long, Long> mounted = layerMounts.unmount(damaged);
    if (!damaged.isEmpty()) {
      suspects.forEach(diffId -> mounted.putAll(takeOld(diffId)));
    }
    Map<Long, List<String>> old = users.onOldFiles(mounted);
    parentsFirst(damaged).forEach(this::rebuildIndex);
    layerMounts.mountNeeded(damaged);
    // Last, because a sync takes as long as the disk needs to write the whole layer.
    suspects.forEach(this::sync);
    report(damaged, old);
  }

  /** An index has attributes of the layers below, so those have to be correct first. */
  private List<SnapshotRecord> parentsFirst(Set<Long> ids) {
    Map<Long, SnapshotRecord> ordered = new LinkedHashMap<>();
    for (long id : ids) {
      List<SnapshotRecord> branch = new ArrayList<>();
      @Nullable SnapshotRecord at = store.find(id).orElse(null);
      while (at != null && !ordered.containsKey(at.id())) {
        branch.add(at);
        at = chains.parentOf(at);
      }
      branch.reversed().forEach(each -> ordered.put(each.id(), each));
    }
    return ordered.values().stream().filter(each -> ids.contains(each.id())).toList();
  }

  private void rebuildIndex(SnapshotRecord snapshot) {
    long id = snapshot.id();
    Optional<LayerForm.Indexed> found = indexedLayers.find(id);
    if (found.isEmpty()) {
      // Removed meanwhile.
      return;
    }
    LayerForm.Indexed form = found.get();
    try (LayerStore.LayerRef ref = indexedLayers.store().acquire(form.diffId())) {
      Digest made = indexBuilder.buildFor(chains.of(snapshot), ref, true);
      if (made.equals(form.index())) {
        // A caller may have mounted the old index meanwhile.
        var _ = layerMounts.unmount(Set.of(id));
        directories.healed(id);
        return;
      }
      log.error(
          "index of a layer is not what is recorded id={} diff_id={} recorded={} made={}",
          id,
          form.diffId(),
          form.index(),
          made);
    } catch (IOException | SnapshotException e) {
      log.error(
          "index of a layer cannot be rebuilt id={} diff_id={} error=\"{}\"",
          id,
          form.diffId(),
          e.getMessage());
    }
    markLost(id, form);
  }

  /** Syncs a layer. After a failure, the next start tries again. */
  public void sync(Digest diffId) {
    try {
      // A layer that is still damaged keeps its mark, and the next start tries again.
      var _ = indexedLayers.syncLayer(diffId);
    } catch (IOException e) {
      log.warn(
          "layer cannot be brought to the disk now, the next start tries again diff_id={} error=\"{}\"",
          diffId,
          e.getMessage());
    }
  }

  /**
   * Gives up layers that cannot be repaired, and unmounts them, because their mounts use damaged or
   * unverified files.
   */
  public void markLost(Map<Long, LayerForm.Indexed> lost) {
    lost.forEach(this::markLost);
    var _ = layerMounts.unmount(lost.keySet());
  }

  private void markLost(long id, LayerForm.Indexed form) {
    indexedLayers.ifStill(id, form, () -> store.find(id).ifPresent(this::markLost));
  }

  private void markLost(SnapshotRecord snapshot) {
    long id = snapshot.id();
    if (snapshot.kind() == Kind.ACTIVE) {
      snapshots.active().markPartial(id);
      indexedLayers.remove(id);
      // The snapshot has no layer now, and none that is damaged.
      directories.healed(id);
      log.error(
          "layer in an active snapshot is damaged, and has to be unpacked again id={} name={}",
          id,
          snapshot.name());
    } else {
      directories.damaged(id);
      log.error(
          "layer of a snapshot is damaged or missing, and cannot be repaired id={} name={}",
          id,
          snapshot.name());
    }
  }

  private void report(Set<Long> damaged, Map<Long, List<String>> old) {
    for (long id : damaged) {
      if (!directories.isMissing(id) && indexedLayers.find(id).isPresent()) {
        store
            .find(id)
            .ifPresent(
                snapshot ->
                    log.warn(
                        "layer was damaged or missing, and was repaired id={} name={} still_on_the_old_file={}",
                        id,
                        snapshot.name(),
                        old.getOrDefault(id, List.of())));
      }
    }
  }
}
