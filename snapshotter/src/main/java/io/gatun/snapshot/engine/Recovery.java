package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.store.LayerStore;
import io.gatun.snapshot.disk.Root;
import io.gatun.snapshot.disk.UnusableRootException;
import io.gatun.snapshot.metadata.LayerForm;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.SnapshotRecord;
import java.util.Collection;
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
 * them while requests are served already. So is a kept layer, or an index of one, that no record
 * names. A record without a directory, or whose directory holds no {@code fs}, or without the files
 * of its kept layer, is damage. It is reported and never covered up by an empty directory, which
 * containerd would take for the layer.
 */
final class Recovery {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private Recovery() {}

  /**
   * {@return the ids of snapshots whose directories or files are missing}
   *
   * @throws UnusableRootException if the metadata are older than the directories
   */
  static Set<Long> run(Root root, MetadataStore store, LayerStore layers, Reaper reaper)
      throws ErrnoException, UnusableRootException {
    Set<Long> directories = new HashSet<>(root.snapshotIds());
    requireKnown(root, directories, store.idsEnd());
    Set<Long> missing = new HashSet<>();
    Map<Long, LayerForm> recorded = new HashMap<>();
    store.forEach(snapshot -> recorded.put(snapshot.id(), snapshot.form()));
    for (Map.Entry<Long, LayerForm> snapshot : recorded.entrySet()) {
      long id = snapshot.getKey();
      if (!directories.remove(id) || !hasFiles(root, layers, id, snapshot.getValue())) {
        missing.add(id);
        store.find(id).ifPresent(Recovery::report);
      }
    }
    directories.forEach(reaper::submit);
    retire(layers, recorded.values());
    int trash = 0;
    for (var name : root.trashNames()) {
      reaper.submit(name);
      trash++;
    }
    log.info(
        "recovered root={} snapshots={} missing={} orphans={} trash={}",
        root.path(),
        store.size(),
        missing.size(),
        directories.size(),
        trash);
    return Set.copyOf(missing);
  }

  private static boolean hasFiles(Root root, LayerStore layers, long id, LayerForm form)
      throws ErrnoException {
    return switch (form) {
      case LayerForm.Directory _ -> root.hasFiles(id);
      case LayerForm.Indexed(Digest diffId, Digest index) -> layers.contains(diffId, index);
    };
  }

  /** What goes to the trash is found there. */
  private static void retire(LayerStore layers, Collection<LayerForm> recorded)
      throws ErrnoException {
    Map<Digest, Set<Digest>> named = new HashMap<>();
    for (LayerForm form : recorded) {
      if (form instanceof LayerForm.Indexed(Digest diffId, Digest index)) {
        named.computeIfAbsent(diffId, _ -> new HashSet<>()).add(index);
      }
    }
    for (Digest diffId : layers.diffIds()) {
      try {
        layers.retire(diffId, named.getOrDefault(diffId, Set.of()));
      } catch (ErrnoException e) {
        // A root on a full disk is served, too.
        if (!StorageErrors.isExhaustion(e.errno())) {
          throw e;
        }
        log.warn(
            "cannot retire layer={} now, the next start tries again error={}",
            diffId,
            e.getMessage());
      }
    }
  }

  /**
   * An id is reserved durably before it is given out, so no crash leaves a directory with an id
   * that the store does not know of. The store then has lost what it knew, or another has been put
   * in its place; and directories without records would be deleted.
   */
  private static void requireKnown(Root root, Set<Long> directories, long idsEnd)
      throws UnusableRootException {
    for (long id : directories) {
      if (id >= idsEnd) {
        throw new UnusableRootException(
            ("root %s cannot be used: snapshots/%d is there, but the metadata have given out no id from %d on, so"
                    + " they are older than the directories or not theirs; put the right metadata back, or run"
                    + " `gatun fsck`")
                .formatted(root.path(), id, idsEnd));
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
