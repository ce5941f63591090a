package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.MountUsers;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds the active snapshots and views on top of layers. */
public final class LayerUsers {

  private static final Logger log = LoggerFactory.getLogger(LayerUsers.class);

  private final MetadataStore store;
  private final LayerMounts layerMounts;
  private final Path root;

  /**
   * @param root the real path of the root
   */
  LayerUsers(MetadataStore store, LayerMounts layerMounts, Path root) {
    this.store = store;
    this.layerMounts = layerMounts;
    this.root = root;
  }

  /** {@return the names of the active snapshots and views on top of a layer, sorted} */
  public List<String> of(long layer) {
    return names(layer, _ -> true);
  }

  private List<String> names(long layer, Predicate<SnapshotRecord> isWanted) {
    return layerMounts.users(layer).stream()
        .flatMap(id -> store.find(id).stream())
        .filter(isWanted)
        .map(SnapshotRecord::name)
        .sorted()
        .toList();
  }

  /**
   * {@return the names of the active snapshots and views that are mounted on the files of each
   * layer, sorted} Their mounts keep these files when the layers get new ones. Called after the
   * layers were unmounted, so that no new mount can use these files.
   *
   * @param layers the snapshot ids of the layers, with the device numbers of their old mounts
   */
  Map<Long, List<String>> onOldFiles(Map<Long, Long> layers) {
    if (layers.isEmpty()) {
      return Map.of();
    }
    @Nullable MountUsers mounted = look();
    Map<Long, List<String>> found = new HashMap<>();
    layers.forEach(
        (layer, device) ->
            found.put(
                layer,
                names(layer, user -> mounted == null || isMounted(user, layer, device, mounted))));
    return found;
  }

  /** {@return null if the mounts cannot be read, and then every snapshot counts as mounted} */
  private @Nullable MountUsers look() {
    try {
      return MountUsers.find(root);
    } catch (ErrnoException e) {
      log.warn(
          "cannot find out who runs on damaged layers, all that have them are named error=\"{}\"",
          e.getMessage());
      return null;
    }
  }

  private static boolean isMounted(
      SnapshotRecord user, long layer, long device, MountUsers mounted) {
    return switch (user.kind()) {
      case ACTIVE -> mounted.active().contains(user.id());
      case VIEW ->
          mounted.viewed().contains(user.parentId())
              || (user.parentId() == layer && mounted.bound().contains(device));
      case COMMITTED -> false;
    };
  }
}
