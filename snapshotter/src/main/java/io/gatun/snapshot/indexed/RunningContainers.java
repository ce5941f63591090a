package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.mount.BindMounts;
import io.gatun.snapshot.mount.MountUsers;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.state.Chains;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the active snapshots and views that are mounted on the files of layers. Their mounts keep
 * these files when the layers get new ones.
 *
 * <p>The upper directory of an overlay identifies its active snapshot. A read-only mount does not
 * identify its view: a read-only overlay counts for every view on top of the layer, and a bind
 * mount of the layer for every view whose parent it is.
 */
public final class RunningContainers {

  private static final Logger log = LoggerFactory.getLogger(RunningContainers.class);

  private final MetadataStore store;
  private final Chains chains;
  private final Path root;

  /**
   * @param root the real path of the root
   */
  public RunningContainers(MetadataStore store, Chains chains, Path root) {
    this.store = store;
    this.chains = chains;
    this.root = root;
  }

  /** The mounted overlays, and the devices of bind mounts. */
  private record Mounted(MountUsers users, Set<Long> bound) {}

  /**
   * {@return the names of the snapshots for each layer, sorted} Called after the layers were
   * unmounted, so that no new mount can use these files.
   *
   * @param layers the snapshot ids of the layers, with the device numbers of their old mounts
   */
  Map<Long, List<String>> find(Map<Long, Long> layers) {
    if (layers.isEmpty()) {
      return Map.of();
    }
    List<SnapshotRecord> all = new ArrayList<>();
    store.forEach(
        snapshot -> {
          if (snapshot.kind() != Kind.COMMITTED) {
            all.add(snapshot);
          }
        });
    @Nullable Mounted mounted = look();
    Map<Long, List<String>> found = new HashMap<>();
    layers.forEach(
        (layer, device) ->
            found.put(
                layer,
                all.stream()
                    .filter(user -> mounted == null || isMounted(user, layer, device, mounted))
                    .filter(user -> isBelow(layer, user))
                    .map(SnapshotRecord::name)
                    .sorted()
                    .toList()));
    return found;
  }

  /** {@return null if the mounts cannot be read, and then every snapshot counts as mounted} */
  private @Nullable Mounted look() {
    try {
      return new Mounted(MountUsers.find(root), BindMounts.devices(root));
    } catch (ErrnoException e) {
      log.warn(
          "cannot find out who runs on damaged layers, all that have them are named error=\"{}\"",
          e.getMessage());
      return null;
    }
  }

  private static boolean isMounted(SnapshotRecord user, long layer, long device, Mounted mounted) {
    Set<MountUsers.Overlay> overlays = mounted.users().overlaysOn(layer);
    return switch (user.kind()) {
      case ACTIVE ->
          overlays.stream().anyMatch(each -> each.upperId().orElse(Root.NO_SNAPSHOT) == user.id());
      case VIEW ->
          (user.parentId() == layer && mounted.bound().contains(device))
              || overlays.stream().anyMatch(each -> each.upperId().isEmpty());
      case COMMITTED -> false;
    };
  }

  private boolean isBelow(long layer, SnapshotRecord user) {
    try {
      @Nullable SnapshotRecord at = chains.parentOf(user);
      while (at != null && at.id() != layer) {
        at = chains.parentOf(at);
      }
      return at != null;
    } catch (SnapshotException.NotFound e) {
      // Removed meanwhile.
      return false;
    }
  }
}
