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
 * Counts the disk usage of snapshots.
 *
 * <p>Commit does not count, because containerd waits for it with its metadata locked. The first
 * request counts a committed snapshot and records the result; concurrent requests share one count.
 * An active snapshot changes, and is counted for each request. No lock is held while files are
 * walked. The usage of an indexed layer depends on the other snapshots that have it, and takes two
 * system calls.
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
    try {
      Usage counted = other == null ? count(snapshot, chain, mine) : Outcomes.await(other);
      return indexedLayers.find(snapshot.id()).isEmpty()
          ? counted
          : indexedLayers.usage(snapshot.id());
    } catch (ErrnoException e) {
      // A conversion may have deleted the tree meanwhile.
      if (indexedLayers.find(snapshot.id()).isEmpty()) {
        throw e;
      }
      return indexedLayers.usage(snapshot.id());
    }
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
      // The answer is correct all the same, but the snapshot has to be counted again later.
      log.warn("cannot record usage snapshot={} error={}", counted.name(), e.getMessage());
    }
  }
}
