package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalState;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The content of a store, or the part that can still be found.
 *
 * @param records all snapshots, by id
 * @param idLimit every id below this may have been given out
 * @param trustedFrom every id below this had been given out when a sync failed, as far as known
 * @param nextSequence an unused sequence number
 * @param losses a sentence for each loss; empty if no acknowledged change is missing
 */
public record Contents(
    long store,
    NavigableMap<Long, SnapshotRecord> records,
    long idLimit,
    long trustedFrom,
    long nextSequence,
    List<String> losses) {

  public Contents {
    losses = List.copyOf(losses);
  }

  public static Contents empty() {
    return new Contents(
        Generations.newStore(),
        new TreeMap<>(),
        Ids.FIRST,
        Ids.FIRST,
        JournalState.FIRST_SEQUENCE,
        List.of());
  }

  /** {@return whether no acknowledged change is missing} */
  public boolean isComplete() {
    return losses.isEmpty();
  }

  /** {@return this with at least the given id limit} */
  Contents withIdLimit(long least) {
    return new Contents(
        store, records, Math.max(idLimit, least), trustedFrom, nextSequence, losses);
  }
}
