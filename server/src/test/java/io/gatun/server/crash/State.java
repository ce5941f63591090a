package io.gatun.server.crash;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotInfo;
import java.util.Map;
import java.util.Optional;

/** What a client takes a snapshot to be, somewhere in its life. */
sealed interface State {

  /** There is none, neither under its key nor under its name. */
  record Absent() implements State {}

  /**
   * There is one.
   *
   * @param name its key, or its name if it is committed
   * @param id the id in its paths, or {@link #UNKNOWN_ID} as long as nobody was told
   * @param files what was written into it, if the client has finished that
   * @param remains what a stop of the machine has left of what the client was writing itself, if
   *     that came in between: no layer, and nothing that one is unpacked over
   * @param layer what the daemon was asked to unpack into it, if it was; it has answered that it
   *     did if there are files
   * @param info what Stat said, if it was asked since; it has the times, which the daemon chooses
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

    /** {@return a snapshot that was just made} */
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

    /** {@return the same, once the daemon was asked to unpack a layer} */
    Present trying(Layer asked) {
      return new Present(kind, name, parent, labels, id, files, remains, Optional.of(asked), info);
    }

    /** {@return the same, once the machine has stopped before the client had asked for a sync} */
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

    /** {@return whether what the daemon says is this, in all that is known} */
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
