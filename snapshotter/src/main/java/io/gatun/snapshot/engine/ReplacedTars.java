package io.gatun.snapshot.engine;

import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.store.LayerDisplay;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Has no layer mounted over a tar that has lost its name to another one. A daemon that is killed
 * leaves its mounts to the next, which takes them for mounts of the tar that is there.
 */
final class ReplacedTars implements LayerDisplay {

  private final KeptLayers kept;
  private final ShownLayers shown;
  private final SnapshotDirectories directories;

  /** Of each layer whose tar was replaced last, the filesystems of the snapshots that had it. */
  private final Map<Digest, Map<Long, Long>> old = new ConcurrentHashMap<>();

  ReplacedTars(KeptLayers kept, ShownLayers shown, SnapshotDirectories directories) {
    this.kept = kept;
    this.shown = shown;
    this.directories = directories;
  }

  @Override
  public void hide(Digest diffId) {
    old.put(diffId, unmount(diffId));
  }

  @Override
  public void show(Digest diffId) {
    Map<Long, Long> meanwhile = unmount(diffId);
    old.computeIfPresent(diffId, (_, before) -> joined(before, meanwhile));
    Set<Long> users = new HashSet<>(kept.users(diffId).keySet());
    users.removeIf(directories::isDamaged);
    shown.showNeeded(users);
  }

  private Map<Long, Long> unmount(Digest diffId) {
    return shown.unmount(kept.users(diffId).keySet());
  }

  private static Map<Long, Long> joined(Map<Long, Long> first, Map<Long, Long> second) {
    Map<Long, Long> all = new HashMap<>(second);
    all.putAll(first);
    return all;
  }

  /** Forgets what was replaced of a layer. */
  void forget(Digest diffId) {
    old.remove(diffId);
  }

  /**
   * {@return the filesystems over the tar of a layer that was replaced, if it was, by the snapshots
   * that had them; they are forgotten}
   */
  Map<Long, Long> take(Digest diffId) {
    Map<Long, Long> found = old.remove(diffId);
    return found == null ? Map.of() : found;
  }
}
