package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.Index;
import io.gatun.snapshot.metadata.journal.Finding;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;

/** Compares an index with checkpoint and journal. */
final class IndexCheck {

  /** Enough findings for an index that is entirely wrong. */
  private static final int FINDINGS_MAX = 20;

  private final Index index;
  private final NavigableMap<Long, SnapshotRecord> truth;
  private final List<Finding> findings = new ArrayList<>();

  private IndexCheck(Index index, NavigableMap<Long, SnapshotRecord> truth) {
    this.index = index;
    this.truth = truth;
  }

  /** {@return the differences} */
  static List<Finding> of(Index index, NavigableMap<Long, SnapshotRecord> truth) {
    IndexCheck check = new IndexCheck(index, truth);
    check.checkRecords();
    check.checkNames();
    check.checkChildren();
    return check.findings.size() <= FINDINGS_MAX
        ? List.copyOf(check.findings)
        : List.copyOf(check.findings.subList(0, FINDINGS_MAX));
  }

  private void checkRecords() {
    for (SnapshotRecord record : truth.values()) {
      byte[] encoding = index.encoding(record.id());
      if (encoding == null) {
        add(MetadataFile.INDEX_RECORDS, "snapshot id %d is not in it".formatted(record.id()));
      } else if (!Arrays.equals(encoding, RecordCodec.encode(record))) {
        add(
            MetadataFile.INDEX_RECORDS,
            "it has another state of snapshot id %d".formatted(record.id()));
      }
    }
    for (long id : index.ids()) {
      if (!truth.containsKey(id)) {
        add(
            MetadataFile.INDEX_RECORDS,
            "it has snapshot id %d, which does not exist".formatted(id));
      }
    }
    if (index.count() != truth.size()) {
      add(
          MetadataFile.INDEX_RECORDS,
          "it counts %d snapshots instead of %d".formatted(index.count(), truth.size()));
    }
    long bytes =
        truth.values().stream().mapToLong(record -> RecordCodec.encode(record).length).sum();
    if (index.recordBytes() != bytes) {
      add(
          MetadataFile.INDEX_RECORDS,
          "it counts %d bytes of records instead of %d".formatted(index.recordBytes(), bytes));
    }
  }

  private void checkNames() {
    for (SnapshotRecord record : truth.values()) {
      Long id = index.idOf(RecordCodec.nameBytes(record.name()));
      if (id == null || id != record.id()) {
        add(
            MetadataFile.INDEX_NAMES,
            "%s leads to %s instead of snapshot id %d"
                .formatted(
                    RecordCodec.abbreviated(record.name()),
                    id == null ? "nothing" : "id " + id,
                    record.id()));
      }
    }
    if (index.nameCount() != truth.size()) {
      add(
          MetadataFile.INDEX_NAMES,
          "it has %d names for %d snapshots".formatted(index.nameCount(), truth.size()));
    }
  }

  private void checkChildren() {
    Map<Long, Long> children = new HashMap<>();
    truth.values().stream()
        .filter(record -> record.parentId() != SnapshotRecord.NO_PARENT)
        .forEach(record -> children.merge(record.parentId(), 1L, Long::sum));
    for (long parent : index.parents()) {
      children.putIfAbsent(parent, 0L);
    }
    children.forEach(
        (parent, count) -> {
          if (index.children(parent) != count) {
            add(
                MetadataFile.INDEX_CHILDREN,
                "snapshot id %d has %d children in it instead of %d"
                    .formatted(parent, index.children(parent), count));
          }
        });
  }

  private void add(String file, String sentence) {
    findings.add(Finding.stale(file, sentence));
  }
}
