package io.gatun.snapshot.filter;

import io.gatun.snapshot.SnapshotInfo;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A field of a snapshot, as filters address it. */
sealed interface Field {

  /** {@return the value of this field, or null if it is absent} */
  @Nullable String of(SnapshotInfo info);

  /**
   * {@return the field that a path leads to}
   *
   * <p>containerd looks at no more than the first element, except for labels, whose keys hold dots
   * themselves: {@code name.anything} is the name.
   *
   * @param path one element or more
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

  /** The fields that every snapshot has, and the one that none has. */
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

  /** A label, present if the snapshot has it. */
  record Label(String key) implements Field {
    @Override
    public @Nullable String of(SnapshotInfo info) {
      return info.labels().get(key);
    }
  }
}
