package io.gatun.snapshot.engine;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.store.LayerDamage;
import io.gatun.snapshot.apply.store.LayerStore;
import io.gatun.snapshot.metadata.LayerForm;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.SnapshotRecord;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes anew what is damaged of kept layers, or not there:
 *
 * <pre>
 *   hash of what the disk has -> new tar from the blob, mounted anew ({@link ReplacedTars})
 *                             -> new index of each snapshot, compared with its record, mounted anew
 * </pre>
 *
 * <p>Nothing is written to a file that is there. Overlays that run on an old file keep it, and are
 * named. A layer that cannot be made anew is missing; an active snapshot that has it is one with a
 * part of a layer.
 */
final class LayerHealing {

  private static final Logger log = LoggerFactory.getLogger(LayerHealing.class);

  private final MetadataStore store;
  private final Chains chains;
  private final SnapshotDirectories directories;
  private final AppliedLayers applied;
  private final LayerStore layers;
  private final KeptLayers kept;
  private final ShownLayers shown;
  private final ReplacedTars replaced;
  private final TarHealing tars;
  private final Reindexing reindexing;
  private final LayerRunners runners;

  LayerHealing(
      MetadataStore store,
      Chains chains,
      SnapshotDirectories directories,
      AppliedLayers applied,
      LayerStore layers,
      KeptLayers kept,
      ShownLayers shown,
      ReplacedTars replaced,
      TarHealing tars,
      Reindexing reindexing,
      LayerRunners runners) {
    this.store = store;
    this.chains = chains;
    this.directories = directories;
    this.applied = applied;
    this.layers = layers;
    this.kept = kept;
    this.shown = shown;
    this.replaced = replaced;
    this.tars = tars;
    this.reindexing = reindexing;
    this.runners = runners;
  }

  /**
   * Verifies the layers of which it was not recorded that they are on the disk, and heals those and
   * others; for a moment in which no snapshot is added or removed.
   *
   * @param damaged snapshots whose layers lack files
   */
  void run(Collection<Long> damaged) {
    Set<Digest> suspects = new TreeSet<>(layers.unsyncedAtFirst());
    damaged.forEach(id -> kept.find(id).ifPresent(form -> suspects.add(form.diffId())));
    suspects.retainAll(kept.diffIds());
    heal(suspects);
  }

  /** Heals one layer that was found damaged, while requests are served. */
  void run(Digest diffId) {
    heal(Set.of(diffId));
  }

  private void heal(Set<Digest> suspects) {
    Set<Long> damaged = new HashSet<>();
    for (Digest diffId : suspects) {
      Optional<Set<Long>> found = healTar(diffId);
      // Also those who have come to have it meanwhile.
      found.ifPresentOrElse(damaged::addAll, () -> lose(kept.users(diffId)));
      if (found.filter(Set::isEmpty).isPresent()) {
        // At once, so that a start that is cut short has not read it in vain.
        settle(diffId);
      }
    }
    renew(damaged, suspects);
  }

  /** Has snapshots use a layer whose damaged tar was replaced, while requests are served. */
  void renew(Digest diffId) {
    renew(kept.users(diffId).keySet(), Set.of(diffId));
  }

  /** Has snapshots use a layer that they had lost, and that was unpacked again for another one. */
  void regain(Digest diffId) {
    // What was replaced was not known to be whole, and need not have been damaged.
    runners
        .find(replaced.take(diffId))
        .forEach(
            (id, names) ->
                log.warn(
                    "the tar of a layer was replaced id={} diff_id={} still_on_the_old_file={}",
                    id,
                    diffId,
                    names));
    Set<Long> lost = new HashSet<>(kept.users(diffId).keySet());
    lost.removeIf(id -> !directories.isDamaged(id));
    if (!lost.isEmpty()) {
      renew(lost, Set.of(diffId));
    }
  }

  private void renew(Set<Long> damaged, Set<Digest> suspects) {
    Map<Long, Long> mounted = shown.unmount(damaged);
    if (!damaged.isEmpty()) {
      suspects.forEach(diffId -> mounted.putAll(replaced.take(diffId)));
    }
    Map<Long, List<String>> old = runners.find(mounted);
    parentsFirst(damaged).forEach(this::healIndex);
    shown.showNeeded(damaged);
    // Last, as it takes as long as the disk takes for all of the layer.
    suspects.forEach(this::settle);
    report(damaged, old);
  }

  /**
   * {@return those of the snapshots whose indexes have to be made anew; nothing if there is no tar
   * to make them of}
   */
  private Optional<Set<Long>> healTar(Digest diffId) {
    try (LayerStore.Use use = layers.claim(diffId)) {
      LayerDamage damage = layers.inspect(use);
      if (damage.isTarDamaged()) {
        // Or an apply has brought it meanwhile.
        return tars.run(use) || layers.isWhole(diffId)
            ? Optional.of(kept.users(diffId).keySet())
            : Optional.empty();
      }
      Set<Long> withoutIndex = new HashSet<>();
      for (Map.Entry<Long, LayerForm.Indexed> user : kept.users(diffId).entrySet()) {
        Digest index = user.getValue().index();
        if (damage.indexes().contains(index) || !layers.contains(diffId, index)) {
          withoutIndex.add(user.getKey());
        }
      }
      return Optional.of(withoutIndex);
    } catch (IOException e) {
      log.error("layer cannot be verified diff_id={} error=\"{}\"", diffId, e.getMessage());
      return Optional.empty();
    }
  }

  /** An index is made with what the layers below have, which have to be right by then. */
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

  private void healIndex(SnapshotRecord snapshot) {
    long id = snapshot.id();
    Optional<LayerForm.Indexed> found = kept.find(id);
    if (found.isEmpty()) {
      // Removed meanwhile.
      return;
    }
    LayerForm.Indexed form = found.get();
    try (LayerStore.Use use = layers.claim(form.diffId())) {
      Digest made = reindexing.run(chains.of(snapshot), use, true);
      if (made.equals(form.index())) {
        // Who has asked for it meanwhile has the old one.
        var _ = shown.unmount(Set.of(id));
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
          "index of a layer cannot be made anew id={} diff_id={} error=\"{}\"",
          id,
          form.diffId(),
          e.getMessage());
    }
    lose(id, form);
  }

  private void settle(Digest diffId) {
    try {
      // What is damaged still keeps its mark, and the next start tries again.
      var _ = kept.settle(diffId);
    } catch (IOException e) {
      log.warn(
          "layer cannot be brought to the disk now, the next start tries again diff_id={} error=\"{}\"",
          diffId,
          e.getMessage());
    }
  }

  /** What is mounted of them is over a file that is damaged, or of which nothing is known. */
  private void lose(Map<Long, LayerForm.Indexed> users) {
    users.forEach(this::lose);
    var _ = shown.unmount(users.keySet());
  }

  private void lose(long id, LayerForm.Indexed form) {
    kept.ifStill(id, form, () -> store.find(id).ifPresent(this::lose));
  }

  private void lose(SnapshotRecord snapshot) {
    long id = snapshot.id();
    if (snapshot.kind() == Kind.ACTIVE) {
      applied.spoil(id);
      kept.remove(id);
      // It is one without a layer now.
      directories.healed(id);
      log.error(
          "layer in an active snapshot is damaged, and has to be unpacked again id={} name={}",
          id,
          snapshot.name());
    } else {
      directories.damaged(id);
      log.error(
          "layer of a snapshot is damaged or missing, and cannot be made anew id={} name={}",
          id,
          snapshot.name());
    }
  }

  private void report(Set<Long> damaged, Map<Long, List<String>> old) {
    for (long id : damaged) {
      if (!directories.isMissing(id) && kept.find(id).isPresent()) {
        store
            .find(id)
            .ifPresent(
                snapshot ->
                    log.warn(
                        "layer was damaged or missing, and has been made anew id={} name={} still_on_the_old_file={}",
                        id,
                        snapshot.name(),
                        old.getOrDefault(id, List.of())));
      }
    }
  }
}
