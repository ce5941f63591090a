package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.disk.Root;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.SnapshotRecord;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings records and directories together again before the first request.
 *
 * <p>What was in flight when the daemon died has no record, so it is a directory in {@code
 * snapshots/} or {@code trash/} that nobody knows: both are handed to the reaper, which deletes
 * them while requests are served already. A record without a directory is damage. It is reported
 * and never covered up by an empty directory, which containerd would take for the layer.
 */
final class Recovery {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private Recovery() {}

  /** {@return the ids of snapshots whose directories are missing} */
  static Set<Long> run(Root root, MetadataStore store, Reaper reaper) throws ErrnoException {
    Set<Long> directories = new HashSet<>(root.snapshotIds());
    Set<Long> missing = new HashSet<>();
    store.forEach(
        snapshot -> {
          if (!directories.remove(snapshot.id())) {
            missing.add(snapshot.id());
            report(snapshot);
          }
        });
    directories.forEach(reaper::submit);
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

  private static void report(SnapshotRecord snapshot) {
    log.error(
        "directory of snapshot is missing id={} kind={} name={}",
        snapshot.id(),
        snapshot.kind().filterName(),
        snapshot.name());
  }
}
