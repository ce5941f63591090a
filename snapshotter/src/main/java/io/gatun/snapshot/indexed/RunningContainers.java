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
 * Names the active snapshots and views that run on the files of layers, which they keep when the
 * layers get others: those that are mounted somewhere, of all that have the layer below them.
 *
 * <p>An overlay tells by its upper directory which active snapshot it is. What cannot be written to
 * does not tell which view it is: so an overlay is any that has the layer, and a bind mount of the
 * layer any that has it as its parent.
 */
public final class RunningContainers {

  private static final Logger log = LoggerFactory.getLogger(RunningContainers.class);

  private final MetadataStore store;
  private final Chains chains;
  private final Path root;

  /**
   * @param root by its real path
   */
  public RunningContainers(MetadataStore store, Chains chains, Path root) {
    this.store = store;
    this.chains = chains;
    this.root = root;
  }

  /** Who is mounted, and in which way. */
  private record Mounted(MountUsers users, Set<Long> bound) {}

  /**
   * {@return the names for each layer, sorted} To be asked when the layers are mounted no more, so
   * that nobody can begin to use these files.
   *
   * @param layers the ids of their snapshots, with the filesystems that they were
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

  /** {@return nothing if it cannot be told, so that all may be} */
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
