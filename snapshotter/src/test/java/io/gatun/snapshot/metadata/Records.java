package io.gatun.snapshot.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Records for tests. */
public final class Records {

  private static final Instant TIME = Instant.parse("2026-11-24T06:00:00.123456789Z");

  private Records() {}

  public static SnapshotRecord active(long id, String key) {
    return new SnapshotRecord(
        id,
        Kind.ACTIVE,
        key,
        "",
        SnapshotRecord.NO_PARENT,
        Map.of("containerd.io/snapshot.ref", "sha256:" + id),
        TIME.plusNanos(id),
        TIME.plusNanos(id),
        null,
        new LayerForm.Directory());
  }

  public static SnapshotRecord activeOn(long id, String key, SnapshotRecord parent) {
    return new SnapshotRecord(
        id,
        Kind.ACTIVE,
        key,
        parent.name(),
        parent.id(),
        Map.of(),
        TIME.plusNanos(id),
        TIME.plusNanos(id),
        null,
        new LayerForm.Directory());
  }

  public static SnapshotRecord committed(long id, String name) {
    return new SnapshotRecord(
        id,
        Kind.COMMITTED,
        name,
        "",
        SnapshotRecord.NO_PARENT,
        Map.of("containerd.io/gc.root", "now"),
        TIME.plusNanos(id),
        TIME.plusSeconds(id),
        new Usage(id, 4_096 * id),
        new LayerForm.Directory());
  }

  /** {@return a record of an indexed layer} */
  public static SnapshotRecord indexed(long id, String name) {
    SnapshotRecord record = committed(id, name);
    return new SnapshotRecord(
        id,
        record.kind(),
        name,
        record.parent(),
        record.parentId(),
        record.labels(),
        record.created(),
        record.updated(),
        record.usage(),
        new LayerForm.Indexed(
            Digest.ofHex("%064x".formatted(id)), Digest.ofHex("f%063x".formatted(id))));
  }

  /** {@return the record with other labels, updated the given number of seconds later} */
  public static SnapshotRecord with(
      SnapshotRecord record, Map<String, String> labels, long seconds) {
    return new SnapshotRecord(
        record.id(),
        record.kind(),
        record.name(),
        record.parent(),
        record.parentId(),
        labels,
        record.created(),
        record.updated().plusSeconds(seconds),
        record.usage(),
        record.form());
  }

  /**
   * Changes a record until the next journal begins, which requests its checkpoint and no later one.
   *
   * @return the record after the last change
   */
  public static SnapshotRecord changeUntilItExists(
      Path journal, MetadataStore store, SnapshotRecord record) {
    SnapshotRecord changed = record;
    for (int i = 0; !Files.exists(journal); i++) {
      assertThat(i).as("changes in one journal").isLessThan(10_000);
      changed = with(changed, Map.of("label", "x".repeat(4_000)), i);
      store.put(changed);
    }
    return changed;
  }

  public static List<SnapshotRecord> all(MetadataStore store) {
    List<SnapshotRecord> records = new ArrayList<>();
    store.forEach(records::add);
    return records;
  }
}
