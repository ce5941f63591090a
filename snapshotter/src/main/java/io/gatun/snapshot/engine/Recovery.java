package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.indexed.IndexedLayers;
import io.gatun.snapshot.layerstore.LayerStore;
import io.gatun.snapshot.maintenance.LayerRepair;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.UnusableRootException;
import io.gatun.snapshot.state.Snapshots;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reconciles records with directories before the first request.
 *
 * <p>Operations in flight when the daemon died have no record. Their directories, in {@code
 * snapshots/} or {@code trash/}, go to the reaper, which deletes them while requests are already
 * served. Indexed layers and indexes without a record are deleted, too. A record is damaged if its
 * directory, the {@code fs} in it, or the files of its indexed layer are missing. Recovery reports
 * damage and never hides it behind an empty directory, which containerd would take for the layer.
 * {@link LayerRepair} may rebuild an indexed layer.
 */
final class Recovery {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private Recovery() {}

  /**
   * Marks snapshots whose directories are missing or whose layers are damaged, and registers the
   * references to indexed layers.
   *
   * @return the snapshots whose indexed layers are damaged
   * @throws UnusableRootException if the metadata are older than the directories
   */
  static Set<Long> run(Snapshots snapshots, IndexedLayers indexedLayers)
      throws ErrnoException, UnusableRootException {
    Root root = snapshots.root();
    MetadataStore store = snapshots.store();
    LayerStore layers = indexedLayers.store();
    Set<Long> directories = new HashSet<>(root.snapshotIds());
    requireKnown(root, directories, store.idLimit());
    Set<Long> missing = new HashSet<>();
    Set<Long> damaged = new HashSet<>();
    Map<Long, LayerForm> recorded = new HashMap<>();
    store.forEach(snapshot -> recorded.put(snapshot.id(), snapshot.form()));
    for (Map.Entry<Long, LayerForm> snapshot : recorded.entrySet()) {
      long id = snapshot.getKey();
      if (!directories.remove(id) || !hasFiles(root, id, snapshot.getValue())) {
        missing.add(id);
        store.find(id).ifPresent(Recovery::report);
      } else if (!hasLayer(layers, snapshot.getValue())) {
        damaged.add(id);
      }
    }
    directories.forEach(snapshots.reaper()::submit);
    recorded.forEach(
        (id, form) -> {
          if (form instanceof LayerForm.Indexed indexed) {
            indexedLayers.add(id, indexed);
          }
        });
    for (Map.Entry<Long, LayerForm.Indexed> applied :
        snapshots.active().recover(store, missing).entrySet()) {
      indexedLayers.add(applied.getKey(), applied.getValue());
      if (!hasLayer(layers, applied.getValue())) {
        damaged.add(applied.getKey());
      }
    }
    missing.forEach(snapshots.directories()::missing);
    damaged.forEach(snapshots.directories()::damaged);
    // Runs before the trash is listed, because it moves layers there.
    indexedLayers.deleteUnreferenced();
    int trash = 0;
    for (var name : root.trashNames()) {
      snapshots.reaper().submit(name);
      trash++;
    }
    log.info(
        "recovered root={} snapshots={} missing={} damaged={} orphans={} trash={}",
        root.path(),
        store.size(),
        missing.size(),
        damaged.size(),
        directories.size(),
        trash);
    return damaged;
  }

  private static boolean hasFiles(Root root, long id, LayerForm form) throws ErrnoException {
    return switch (form) {
      case LayerForm.Directory _ -> root.hasFiles(id);
      case LayerForm.Indexed _ -> true;
    };
  }

  private static boolean hasLayer(LayerStore layers, LayerForm form) throws ErrnoException {
    return switch (form) {
      case LayerForm.Directory _ -> true;
      case LayerForm.Indexed(Digest diffId, Digest index) -> layers.contains(diffId, index);
    };
  }

  /**
   * Checks that the metadata know of every directory. Ids are reserved durably before use, so no
   * crash leaves a directory with an unknown id. Such a directory means that the store lost data or
   * was replaced by another one, and recovery would delete directories that are still needed.
   */
  private static void requireKnown(Root root, Set<Long> directories, long idLimit)
      throws UnusableRootException {
    for (long id : directories) {
      if (id >= idLimit) {
        throw new UnusableRootException(
            ("root %s cannot be used: snapshots/%d is there, but the metadata have given out no id from %d on, so"
                    + " they are older than the directories or not theirs; put the right metadata back, or run"
                    + " `gatun fsck`")
                .formatted(root.path(), id, idLimit));
      }
    }
  }

  private static void report(SnapshotRecord snapshot) {
    log.error(
        "directory of snapshot is missing id={} kind={} name={}",
        snapshot.id(),
        snapshot.kind().filterName(),
        snapshot.name());
  }
}
