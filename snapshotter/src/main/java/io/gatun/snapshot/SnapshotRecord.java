package io.gatun.snapshot;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The metadata record of a snapshot.
 *
 * @param id never reused; the name of the snapshot's directory
 * @param kind of the snapshot
 * @param name its key, or its name once it is committed; unique among all snapshots
 * @param parent the name of its parent, or the empty string
 * @param parentId the id of its parent, or {@link #NO_PARENT}
 * @param labels of the snapshot
 * @param created in nanoseconds
 * @param updated in nanoseconds
 * @param usage of the snapshot itself, or null if it has not been counted yet
 * @param form how its files are stored
 */
public record SnapshotRecord(
    long id,
    Kind kind,
    String name,
    String parent,
    long parentId,
    Map<String, String> labels,
    Instant created,
    Instant updated,
    @Nullable Usage usage,
    LayerForm form) {

  /** Ids start at 1. */
  public static final long NO_PARENT = 0;

  public SnapshotRecord {
    labels = Map.copyOf(labels);
    if (id <= 0 || (parentId == NO_PARENT) != parent.isEmpty()) {
      throw new IllegalArgumentException(
          "record id=%d name=%s parent=%s parentId=%d".formatted(id, name, parent, parentId));
    }
  }

  /** {@return the part of this record for containerd} */
  public SnapshotInfo info() {
    return new SnapshotInfo(kind, name, parent, labels, created, updated);
  }

  /** {@return this record with other labels, written at the given time} */
  public SnapshotRecord withLabels(Map<String, String> newLabels, Instant at) {
    return new SnapshotRecord(
        id, kind, name, parent, parentId, newLabels, created, at, usage, form);
  }

  /** {@return this record with another form and without a usage, which must be counted again} */
  public SnapshotRecord withForm(LayerForm other) {
    return new SnapshotRecord(
        id, kind, name, parent, parentId, labels, created, updated, null, other);
  }

  /** {@return this record with a usage} */
  public SnapshotRecord withUsage(Usage counted) {
    return new SnapshotRecord(
        id, kind, name, parent, parentId, labels, created, updated, counted, form);
  }
}
