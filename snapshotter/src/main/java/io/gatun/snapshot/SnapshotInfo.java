package io.gatun.snapshot;

import java.time.Instant;
import java.util.Map;

/**
 * The description of a snapshot for containerd.
 *
 * @param kind of the snapshot
 * @param name its key, or its name once it is committed
 * @param parent the name of its parent, or the empty string if it has none
 * @param labels of the snapshot, never with an empty value
 * @param created when it was prepared, or committed if it is; in nanoseconds, UTC
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
