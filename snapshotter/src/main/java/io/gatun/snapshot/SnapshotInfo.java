package io.gatun.snapshot;

import java.time.Instant;
import java.util.Map;

/**
 * What containerd may know of a snapshot.
 *
 * @param kind what the snapshot is for
 * @param name its key, or its name once it is committed
 * @param parent the name of its parent, or the empty string if it has none
 * @param labels its labels, never with an empty value
 * @param created when it was prepared, or committed if it is; to the nanosecond, in UTC
 * @param updated when its labels were last written
 */
public record SnapshotInfo(
    Kind kind,
    String name,
    String parent,
    Map<String, String> labels,
    Instant created,
    Instant updated) {

  public SnapshotInfo {
    labels = Map.copyOf(labels);
  }
}
