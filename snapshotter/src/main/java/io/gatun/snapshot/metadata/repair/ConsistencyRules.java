package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.function.ToLongFunction;

/** Finds records that cannot exist together in one store. */
final class ConsistencyRules {

  private final NavigableMap<Long, SnapshotRecord> records;
  private final List<String> losses = new ArrayList<>();

  private ConsistencyRules(NavigableMap<Long, SnapshotRecord> records) {
    this.records = records;
  }

  /**
   * Removes records until the rest can be loaded: of two with the same name the earlier one, and
   * every record whose parent is missing.
   *
   * @param order larger for the record written later
   * @return a sentence for each removed record
   */
  static List<String> resolve(
      NavigableMap<Long, SnapshotRecord> records, ToLongFunction<SnapshotRecord> order) {
    ConsistencyRules consistencyRules = new ConsistencyRules(records);
    consistencyRules.dropNamesakes(order);
    consistencyRules.dropOrphans();
    return consistencyRules.losses;
  }

  /** {@return a sentence for each record that a store would load but an engine never writes} */
  static List<String> impossible(NavigableMap<Long, SnapshotRecord> records) {
    List<String> found = new ArrayList<>();
    for (SnapshotRecord record : records.values()) {
      SnapshotRecord parent = records.get(record.parentId());
      if (parent != null && parent.kind() != Kind.COMMITTED) {
        found.add(
            "snapshot id %d has the parent id %d, which is not committed but %s"
                .formatted(record.id(), parent.id(), parent.kind().filterName()));
      } else if (parent != null && !parent.name().equals(record.parent())) {
        found.add(
            "snapshot id %d has the parent %s, but its parent id %d is that of %s"
                .formatted(
                    record.id(),
                    RecordCodec.abbreviated(record.parent()),
                    parent.id(),
                    RecordCodec.abbreviated(parent.name())));
      }
    }
    return found;
  }

  private void dropNamesakes(ToLongFunction<SnapshotRecord> order) {
    Map<String, SnapshotRecord> names = new HashMap<>();
    for (SnapshotRecord record : List.copyOf(records.values())) {
      SnapshotRecord other = names.putIfAbsent(record.name(), record);
      if (other != null) {
        boolean isLater = order.applyAsLong(record) > order.applyAsLong(other);
        SnapshotRecord kept = isLater ? record : other;
        drop(isLater ? other : record, "because snapshot id %d has its name".formatted(kept.id()));
        names.put(kept.name(), kept);
      }
    }
  }

  /** Removes orphans in rounds: after a rebase a parent can be younger than its child. */
  private void dropOrphans() {
    List<SnapshotRecord> orphans;
    do {
      orphans =
          records.values().stream()
              .filter(record -> record.parentId() != SnapshotRecord.NO_PARENT)
              .filter(record -> Objects.isNull(records.get(record.parentId())))
              .toList();
      orphans.forEach(
          record -> drop(record, "because its parent id %d is lost".formatted(record.parentId())));
    } while (!orphans.isEmpty());
  }

  private void drop(SnapshotRecord record, String reason) {
    records.remove(record.id());
    losses.add(
        "snapshot id %d (%s %s), %s"
            .formatted(
                record.id(),
                record.kind().filterName(),
                RecordCodec.abbreviated(record.name()),
                reason));
  }
}
