package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.driver.Chain;
import io.gatun.snapshot.driver.Driver;

/** Sees to it that the files of a layer are on disk before anybody is told that they are there. */
final class LayerDurability {

  private final LayerSync when;
  private final Driver driver;
  private final SharedSync filesystem;
  private final LostWrites lostWrites;

  /**
   * @param filesystem syncs all there is; {@code lostWrites} knows of its failures
   */
  LayerDurability(LayerSync when, Driver driver, SharedSync filesystem, LostWrites lostWrites) {
    this.when = when;
    this.driver = driver;
    this.filesystem = filesystem;
    this.lostWrites = lostWrites;
  }

  /**
   * Returns when the files of a snapshot that is to be committed are as durable as the
   * configuration asks.
   *
   * @throws SnapshotException.FailedPrecondition if that can never be said of them
   */
  void awaitCommit(String key, Chain chain) throws ErrnoException {
    if (isAsked(chain)) {
      sync(key, chain);
      // Only now: a sync that failed just before, for somebody else, took these files with it.
      lostWrites.requireNone(key, chain.id());
    }
  }

  private boolean isAsked(Chain chain) throws ErrnoException {
    return switch (when) {
      case COMMIT -> !driver.isEmpty(chain);
      case NONE -> false;
    };
  }

  private void sync(String key, Chain chain) throws ErrnoException {
    try {
      filesystem.await(filesystem.mark());
    } catch (ErrnoException e) {
      // No room, for example, is no reason to try again here: what was not written is gone.
      throw new SnapshotException.StorageFailure(
          "commit %s: what was written to the snapshot (id %d) may be lost: %s"
              .formatted(key, chain.id(), e.getMessage()),
          e);
    }
  }
}
