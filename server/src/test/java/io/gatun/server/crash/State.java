package io.gatun.server.crash;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotInfo;
import java.util.Map;
import java.util.Optional;

/** A client's knowledge of a snapshot at some point of its life. */
sealed interface State {

  /** The snapshot does not exist, under its key or its name. */
  record Absent() implements State {}

  /**
   * The snapshot exists.
   *
   * @param name its key, or its name if it is committed
   * @param id the id in its paths, or {@link #UNKNOWN_ID} while no client has seen it
   * @param files the content, if the client has finished writing it
   * @param remains the remains of the client's own writing that a stop of the machine interrupted:
   *     no layer, and nothing to unpack a layer over
   * @param layer the layer that the daemon was asked to unpack into it, if any; it was acknowledged
   *     if there are files
   * @param info the last answer of Stat, if any, with the times, which the daemon sets
   */
  record Present(
      Kind kind,
      String name,
      String parent,
      Map<String, String> labels,
      long id,
      Optional<TreeDigest> files,
      Optional<TreeDigest> remains,
      Optional<Layer> layer,
      Optional<SnapshotInfo> info)
      implements State {

    static final long UNKNOWN_ID = 0;

    public Present {
      labels = Map.copyOf(labels);
    }

    /** {@return a snapshot that was just created} */
    static Present created(Kind kind, String key, String parent, Map<String, String> labels) {
      return new Present(
          kind,
          key,
          parent,
          labels,
          UNKNOWN_ID,
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty());
    }

    Present withId(long known) {
      return new Present(kind, name, parent, labels, known, files, remains, layer, info);
    }

    Present withFiles(TreeDigest written) {
      return new Present(
          kind, name, parent, labels, id, Optional.of(written), remains, layer, info);
    }

    /** {@return the same, after a request to unpack a layer} */
    Present trying(Layer asked) {
      return new Present(kind, name, parent, labels, id, files, remains, Optional.of(asked), info);
    }

    /** {@return the same, after the machine stopped before the client requested a sync} */
    Present withRemains(Optional<TreeDigest> left) {
      return new Present(kind, name, parent, labels, id, Optional.empty(), left, layer, info);
    }

    Present withInfo(SnapshotInfo told) {
      return new Present(kind, name, parent, labels, id, files, remains, layer, Optional.of(told));
    }

    Present withLabels(Map<String, String> changed) {
      return new Present(kind, name, parent, changed, id, files, remains, layer, Optional.empty());
    }

    Present committedAs(String committedName, String onto, Map<String, String> given) {
      return new Present(
          Kind.COMMITTED, committedName, onto, given, id, files, remains, layer, Optional.empty());
    }

    /** {@return whether the daemon's answer matches all that is known} */
    boolean matches(SnapshotInfo found) {
      return info.map(found::equals)
          .orElseGet(
              () ->
                  found.kind() == kind
                      && found.name().equals(name)
                      && found.parent().equals(parent)
                      && found.labels().equals(labels));
    }
  }
}
