package io.gatun.snapshot.metadata.repair;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalState;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * What a store holds, or what can still be found of it.
 *
 * @param store which store it is
 * @param records all snapshots, by id
 * @param idLimit every id below this may have been given to somebody
 * @param trustedFrom every id below this had been given out when a sync failed, as far as is known
 * @param nextSequence a sequence number that no batch has
 * @param losses what was there once and is not any more, in one sentence each; none if nothing that
 *     was acknowledged is missing
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

  /** {@return what a new store holds} */
  public static Contents empty() {
    return new Contents(
        Generations.newStore(),
        new TreeMap<>(),
        Ids.FIRST,
        Ids.FIRST,
        JournalState.FIRST_SEQUENCE,
        List.of());
  }

  /** {@return whether nothing that was acknowledged is missing} */
  public boolean isComplete() {
    return losses.isEmpty();
  }

  /** {@return this with at least so many ids given out} */
  Contents withIdLimit(long least) {
    return new Contents(
        store, records, Math.max(idLimit, least), trustedFrom, nextSequence, losses);
  }
}
