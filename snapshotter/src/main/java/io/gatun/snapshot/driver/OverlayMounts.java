package io.gatun.snapshot.driver;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IdMappings;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The mount of a chain of snapshots. The shapes are those of containerd's own overlay snapshotter,
 * since its differ, its mount code and its users know them:
 *
 * <table> <caption>Shapes</caption>
 * <tr><td>active, no parent</td><td>bind of its own files, {@code rw,rbind}</td></tr> <tr><td>view,
 * no parent</td><td>bind of its own files, {@code ro,rbind}</td></tr> <tr><td>view, one
 * parent</td><td>bind of the parent's files, {@code ro,rbind}</td></tr> <tr><td>view, several
 * parents</td><td>overlay, {@code lowerdir=<nearest>:...:<base>}</td></tr> <tr><td>active with
 * parents</td><td>overlay, {@code workdir=,upperdir=,lowerdir=}</td></tr>
 * </table>
 *
 * <p>If several layers have the same index, only the nearest is listed: the kernel refuses
 * duplicate directories, and the nearest hides the others anyway. Above an index, {@code xino=on}
 * prevents files from having the index's device number while directories have the overlay's. Ids
 * are not mapped by options there, because depending on its version containerd's mapping misses the
 * mounts below the directory it maps, or covers all of them; instead, {@link IdMappedMounts} mounts
 * the layers with mapped ids.
 *
 * <p>The order of options is: id mappings, directories, configured ones. One shape is Gatun's own:
 * with rebase, a layer is unpacked before its parents are known, and into a bind mount containerd's
 * differ would not write whiteouts. Therefore an extraction without a parent is an overlay on an
 * empty directory.
 */
public final class OverlayMounts {

  private static final String VOLATILE = "volatile";
  private static final String ONE_DEVICE = "xino=on";

  private final SnapshotPaths paths;
  private final OverlaySettings settings;
  private final List<String> configured;
  private final boolean volatileContainers;

  public OverlayMounts(SnapshotPaths paths, OverlaySettings settings, OverlayFeatures features) {
    this.paths = paths;
    this.settings = settings;
    List<String> given = settings.mountOptions();
    this.volatileContainers = settings.volatileContainers() || given.contains(VOLATILE);
    this.configured = new ArrayList<>(given);
    configured.remove(VOLATILE);
    if (features.userXattrs() && !hasOption(given, "userxattr")) {
      configured.add("userxattr");
    }
    // With the index feature, the kernel refuses an upper directory that was copied or that another
    // mount namespace is still unmounting. The last option wins, so a configured index must not be
    // overridden here.
    if (features.index() && !hasOption(given, "index")) {
      configured.add("index=off");
    }
  }

  private static boolean hasOption(List<String> options, String name) {
    return options.stream()
        .anyMatch(option -> option.equals(name) || option.startsWith(name + "="));
  }

  public List<Mount> of(Chain chain) {
    return switch (chain.kind()) {
      case ACTIVE ->
          List.of(hasLower(chain) ? overlay(chain) : bind(chain, paths.files(chain.id()), "rw"));
      case VIEW ->
          List.of(
              switch (lowers(chain).size()) {
                case 0 -> bind(chain, paths.files(chain.id()), "ro");
                case 1 -> bind(chain, lowers(chain).getFirst(), "ro");
                default -> overlay(chain);
              });
      case COMMITTED ->
          throw new IllegalArgumentException("snapshot " + chain.id() + " is committed");
    };
  }

  /** {@return whether the kernel never syncs writes through the mount of a snapshot} */
  boolean isVolatile(Chain chain) {
    return volatileContainers && isContainer(chain);
  }

  /** {@return whether a snapshot may be the writable layer of a container} */
  static boolean isContainer(Chain chain) {
    return chain.kind() == Kind.ACTIVE && !chain.extraction() && !chain.lowers().isEmpty();
  }

  /** {@return whether a snapshot is a base that is unpacked on top of the empty directory} */
  boolean isOnEmptyLower(Chain chain) {
    return settings.rebase() && chain.extraction() && chain.lowers().isEmpty();
  }

  /** {@return whether a writable snapshot is an overlay mount} */
  boolean hasLower(Chain chain) {
    return !chain.lowers().isEmpty() || isOnEmptyLower(chain);
  }

  /** {@return whether {@link IdMappedMounts} has to mount the layers first} */
  boolean isOnMappedLayers(Chain chain) {
    return shownMappings(chain).isPresent();
  }

  private Mount bind(Chain chain, String files, String access) {
    List<String> options = idMappings(chain);
    options.add(access);
    options.add("rbind");
    return Mount.ofRoot("bind", files, options);
  }

  private Mount overlay(Chain chain) {
    List<String> options = idMappings(chain);
    if (chain.kind() == Kind.ACTIVE) {
      options.add("workdir=" + paths.work(chain.id()));
      options.add("upperdir=" + paths.files(chain.id()));
    }
    options.add(
        "lowerdir=" + (chain.lowers().isEmpty() ? paths.empty() : String.join(":", lowers(chain))));
    options.addAll(configured);
    if (chain.hasIndexedLower()) {
      options.add(ONE_DEVICE);
    }
    if (isVolatile(chain)) {
      options.add(VOLATILE);
    }
    return Mount.ofRoot("overlay", "overlay", options);
  }

  private List<String> lowers(Chain chain) {
    Optional<IdMappings> mappings = shownMappings(chain);
    return different(chain.lowers()).stream()
        .map(
            lower ->
                mappings.isPresent()
                    ? paths.mappedFiles(mappings.get().name(), lower.id())
                    : paths.files(lower.id()))
        .toList();
  }

  /** {@return the mappings with which the layers must be mounted first, if any} */
  private Optional<IdMappings> shownMappings(Chain chain) {
    return settings.remapIds() && chain.hasIndexedLower()
        ? IdMappings.asked(chain.labels())
        : Optional.empty();
  }

  /** {@return the layers without those whose index a nearer layer has} */
  private static List<Lower> different(List<Lower> lowers) {
    Set<String> indexes = new HashSet<>();
    return lowers.stream()
        .filter(lower -> lower.index().isEmpty() || indexes.add(lower.index().get()))
        .toList();
  }

  /** These options are not for the kernel: containerd 2 turns them into id-mapped mounts. */
  private List<String> idMappings(Chain chain) {
    List<String> options = new ArrayList<>();
    if (settings.remapIds() && !chain.hasIndexedLower()) {
      addIdMapping(options, "uidmap=", chain.labels(), Chain.UID_MAPPING_LABEL);
      addIdMapping(options, "gidmap=", chain.labels(), Chain.GID_MAPPING_LABEL);
    }
    return options;
  }

  private static void addIdMapping(
      List<String> options, String option, Map<String, String> labels, String label) {
    String value = labels.get(label);
    if (value != null) {
      options.add(option + value);
    }
  }
}
