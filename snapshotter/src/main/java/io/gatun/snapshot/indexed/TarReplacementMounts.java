package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layerstore.TarReplacementListener;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Remounts layers whose tar was replaced. Otherwise a mount of the old tar could outlive a killed
 * daemon, and the next daemon would take it for a mount of the new tar.
 *
 * <p>Id-mapped mounts are created again on request.
 */
public final class TarReplacementMounts implements TarReplacementListener {

  private static final Logger log = LoggerFactory.getLogger(TarReplacementMounts.class);

  private final IndexedLayers indexedLayers;
  private final LayerMounts layerMounts;

  /** By diff id of each layer whose tar was replaced: the old device numbers by snapshot id. */
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
      // A bug, which must not hide the reason why the tar could not be replaced.
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
   * {@return the device numbers of the mounts of a layer's replaced tar, by snapshot id; empty if
   * it was not replaced} They are returned only once.
   */
  Map<Long, Long> take(Digest diffId) {
    Map<Long, Long> found = old.remove(diffId);
    return found == null ? Map.of() : found;
  }
}
