package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layerstore.TarReplacementListener;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has no layer mounted over a tar that has lost its name to another one. A daemon that is killed
 * leaves its mounts to the next, which takes them for mounts of the tar that is there.
 *
 * <p>What was shown with other owners, too, is so again when somebody asks for that.
 */
public final class TarReplacementMounts implements TarReplacementListener {

  private static final Logger log = LoggerFactory.getLogger(TarReplacementMounts.class);

  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;

  /** Of each layer whose tar was replaced last, the filesystems of the snapshots that had it. */
  private final Map<Digest, Map<Long, Long>> old = new ConcurrentHashMap<>();

  public TarReplacementMounts(IndexedLayers indexedLayers, LayerMounts layerMounts) {
    this.indexedLayers = indexedLayers;
    this.layerMounts = layerMounts;
  }

  @Override
  public void beforeReplace(Digest diffId) {
    old.put(diffId, unmount(diffId));
  }

  @Override
  public void afterReplace(Digest diffId) {
    try {
      Map<Long, Long> meanwhile = unmount(diffId);
      old.computeIfPresent(diffId, (_, before) -> joined(before, meanwhile));
      layerMounts.mountNeeded(indexedLayers.referrers(diffId).keySet());
    } catch (RuntimeException e) {
      // A bug, which must not take the place of why the tar could not be replaced.
      log.error("layer cannot be mounted again diff_id={}", diffId, e);
    }
  }

  private Map<Long, Long> unmount(Digest diffId) {
    return layerMounts.unmount(indexedLayers.referrers(diffId).keySet());
  }

  private static Map<Long, Long> joined(Map<Long, Long> first, Map<Long, Long> second) {
    Map<Long, Long> all = new HashMap<>(second);
    all.putAll(first);
    return all;
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
