package io.gatun.snapshot;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that is recorded of one snapshot.
 *
 * @param id never used twice; the name of the snapshot's directory
 * @param kind what the snapshot is for
 * @param name its key, or its name once it is committed; unique among all snapshots
 * @param parent the name of its parent, or the empty string
 * @param parentId the id of its parent, or {@link #NO_PARENT}
 * @param labels its labels
 * @param created to the nanosecond
 * @param updated to the nanosecond
 * @param usage what it takes by itself, or null as long as that has not been counted
 * @param form how its files lie on disk
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

  /** {@return the part of this that containerd may know} */
  public SnapshotInfo info() {
    return new SnapshotInfo(kind, name, parent, labels, created, updated);
  }

  /** {@return this with other labels, written at the given time} */
  public SnapshotRecord withLabels(Map<String, String> newLabels, Instant at) {
    return new SnapshotRecord(
        id, kind, name, parent, parentId, newLabels, created, at, usage, form);
  }

  /** {@return this with its files lying on disk in another form, in which nobody counted them} */
  public SnapshotRecord withForm(LayerForm other) {
    return new SnapshotRecord(
        id, kind, name, parent, parentId, labels, created, updated, null, other);
  }

  /** {@return this with what the snapshot takes by itself} */
  public SnapshotRecord withUsage(Usage counted) {
    return new SnapshotRecord(
        id, kind, name, parent, parentId, labels, created, updated, counted, form);
  }
}
