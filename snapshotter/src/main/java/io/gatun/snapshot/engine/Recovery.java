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
 * Brings records and directories together again before the first request.
 *
 * <p>What was in flight when the daemon died has no record, so it is a directory in {@code
 * snapshots/} or {@code trash/} that nobody knows: both are handed to the reaper, which deletes
 * them while requests are served already. So is an indexed layer, or an index of one, that no
 * record names. A record without a directory, or whose directory holds no {@code fs}, or without
 * the files of its indexed layer, is damage. It is reported and never covered up by an empty
 * directory, which containerd would take for the layer. What an indexed layer lacks may be made
 * anew, see {@link LayerRepair}.
 */
final class Recovery {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private Recovery() {}

  /**
   * Tells the directories which snapshots lack theirs, or their layers, and the layers which
   * snapshots have one.
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
    // What goes to the trash is found there.
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
   * An id is reserved durably before it is given out, so no crash leaves a directory with an id
   * that the store does not know of. The store then has lost what it knew, or another has been put
   * in its place; and directories without records would be deleted.
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
