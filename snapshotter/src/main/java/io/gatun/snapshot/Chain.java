package io.gatun.snapshot;

import java.util.List;
import java.util.Map;

/**
 * A snapshot and its parents, as far as a driver needs to know them.
 *
 * @param id the snapshot's own id, which is the name of its directory
 * @param kind what the snapshot is for
 * @param lowers its parents, nearest first; empty for a base
 * @param labels the snapshot's labels
 * @param extraction whether it was prepared to unpack a layer into it
 */
public record Chain(
    long id, Kind kind, List<Lower> lowers, Map<String, String> labels, boolean extraction) {

  /** How the user ids of a user namespace map to those of the host. */
  public static final String UID_MAPPING_LABEL = "containerd.io/snapshot/uidmapping";

  /** The same for its group ids. */
  public static final String GID_MAPPING_LABEL = "containerd.io/snapshot/gidmapping";

  public Chain {
    lowers = List.copyOf(lowers);
    labels = Map.copyOf(labels);
  }

  /** {@return a base to write to, as which most snapshots begin, whatever they become} */
  public static Chain blank(long id) {
    return new Chain(id, Kind.ACTIVE, List.of(), Map.of(), false);
  }

  /** {@return the same for a snapshot with another id} */
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

  /** {@return whether its labels ask for owners as a user namespace maps them} */
  public boolean isMappingAsked() {
    return isMappingAsked(labels);
  }

  /** {@return whether labels ask for owners as a user namespace maps them} */
  public static boolean isMappingAsked(Map<String, String> labels) {
    return labels.containsKey(UID_MAPPING_LABEL) || labels.containsKey(GID_MAPPING_LABEL);
  }
}
