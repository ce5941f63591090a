package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.concurrent.Outcomes;
import io.gatun.snapshot.driver.Driver;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.state.Snapshots;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts what snapshots take.
 *
 * <p>Commit does not count, since containerd waits for it with its own metadata locked. A committed
 * snapshot is counted when somebody first asks, once for all who ask at the time, and the count is
 * recorded; an active one changes and is counted each time. No lock is held while files are walked.
 * What an indexed layer takes depends on who else has it, and costs two calls to ask.
 */
public final class UsageCounter {

  private static final Logger log = LoggerFactory.getLogger(UsageCounter.class);

  private final Snapshots snapshots;
  private final Driver driver;
  private final IndexedLayers indexedLayers;
  private final ConcurrentMap<Long, CompletableFuture<Usage>> counting = new ConcurrentHashMap<>();

  UsageCounter(Snapshots snapshots, Driver driver, IndexedLayers indexedLayers) {
    this.snapshots = snapshots;
    this.driver = driver;
    this.indexedLayers = indexedLayers;
  }

  public Usage of(SnapshotRecord snapshot, Chain chain) throws ErrnoException {
    if (indexedLayers.find(snapshot.id()).isPresent()) {
      return indexedLayers.usage(snapshot.id());
    }
    Usage known = snapshot.usage();
    if (known != null) {
      return known;
    }
    if (snapshot.kind() != Kind.COMMITTED) {
      return driver.usage(chain);
    }
    CompletableFuture<Usage> mine = new CompletableFuture<>();
    CompletableFuture<Usage> other = counting.putIfAbsent(chain.id(), mine);
    return other == null ? count(snapshot, chain, mine) : Outcomes.await(other);
  }

  private Usage count(SnapshotRecord snapshot, Chain chain, CompletableFuture<Usage> mine)
      throws ErrnoException {
    try {
      Usage counted = driver.usage(chain);
      mine.complete(counted);
      record(snapshot, counted);
      return counted;
    } catch (ErrnoException | RuntimeException | Error e) {
      mine.completeExceptionally(e);
      throw e;
    } finally {
      counting.remove(chain.id(), mine);
    }
  }

  private void record(SnapshotRecord counted, Usage usage) {
    try (var _ = snapshots.nameLocks().lock(List.of(counted.name()), "")) {
      MetadataStore store = snapshots.store();
      store
          .find(counted.id())
          .filter(present -> present.usage() == null && present.form().equals(counted.form()))
          .ifPresent(present -> store.put(present.withUsage(usage)));
    } catch (SnapshotException e) {
      // The answer is right all the same; it has to be counted again after a restart.
      log.warn("cannot record usage snapshot={} error={}", counted.name(), e.getMessage());
    }
  }
}
