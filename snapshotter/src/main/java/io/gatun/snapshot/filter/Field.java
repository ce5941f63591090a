package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotInfo;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A snapshot field, as addressed by filters. */
sealed interface Field {

  /** {@return the value of this field, or null if it is absent} */
  @Nullable String of(SnapshotInfo info);

  /**
   * {@return the field for a path}
   *
   * <p>containerd only considers the first element, except for labels, whose keys contain dots
   * themselves: {@code name.anything} is the name.
   *
   * @param path one or more elements
   */
  static Field at(List<String> path) {
    return switch (path.getFirst()) {
      case "kind" -> Attribute.KIND;
      case "name" -> Attribute.NAME;
      case "parent" -> Attribute.PARENT;
      case "labels" -> new Label(String.join(".", path.subList(1, path.size())));
      default -> Attribute.UNKNOWN;
    };
  }

  /** The fields of every snapshot, and the unknown field. */
  enum Attribute implements Field {
    KIND,
    NAME,
    PARENT,
    UNKNOWN;

    @Override
    public @Nullable String of(SnapshotInfo info) {
      return switch (this) {
        case KIND -> info.kind().filterName();
        case NAME -> info.name();
        case PARENT -> info.parent();
        case UNKNOWN -> null;
      };
    }
  }

  /** A label; absent if the snapshot does not have it. */
  record Label(String key) implements Field {
    @Override
    public @Nullable String of(SnapshotInfo info) {
      return info.labels().get(key);
    }
  }
}
