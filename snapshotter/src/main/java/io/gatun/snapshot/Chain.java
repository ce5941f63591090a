package io.gatun.snapshot;

import java.util.List;
import java.util.Map;

/**
 * A snapshot and its parents, with everything that a driver needs to know about them.
 *
 * @param id the snapshot's own id, which is the name of its directory
 * @param kind of the snapshot
 * @param lowers its parents, nearest first; empty for a base
 * @param labels of the snapshot
 * @param extraction whether it was prepared for unpacking a layer
 */
public record Chain(
    long id, Kind kind, List<Lower> lowers, Map<String, String> labels, boolean extraction) {

  /** The mapping of a user namespace's user ids to those of the host. */
  public static final String UID_MAPPING_LABEL = "containerd.io/snapshot/uidmapping";

  /** The same for group ids. */
  public static final String GID_MAPPING_LABEL = "containerd.io/snapshot/gidmapping";

  public Chain {
    lowers = List.copyOf(lowers);
    labels = Map.copyOf(labels);
  }

  /** {@return a writable base, the initial state of most snapshots} */
  public static Chain blank(long id) {
    return new Chain(id, Kind.ACTIVE, List.of(), Map.of(), false);
  }

  /** {@return the same chain for a snapshot with another id} */
  public Chain withId(long other) {
    return new Chain(other, kind, lowers, labels, extraction);
  }

  /** {@return the ids of its parents, nearest first} */
  public List<Long> parents() {
    return lowers.stream().map(Lower::id).toList();
  }

  /** {@return whether an index has to be mounted before the snapshot can be used} */
  public boolean hasIndexedLower() {
    return lowers.stream().anyMatch(Lower::isIndexed);
  }

  /** {@return whether its labels request an id mapping} */
  public boolean isMappingAsked() {
    return isMappingAsked(labels);
  }

  /** {@return whether labels request an id mapping} */
  public static boolean isMappingAsked(Map<String, String> labels) {
    return labels.containsKey(UID_MAPPING_LABEL) || labels.containsKey(GID_MAPPING_LABEL);
  }
}
