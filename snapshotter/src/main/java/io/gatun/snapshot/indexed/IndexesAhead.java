package io.gatun.snapshot.indexed;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.concurrent.Outcomes;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Indexes that are made before anybody asks for them, of layers that are there already: when
 * containerd has been told that one is there, it takes longer to ask for the next than that one's
 * index takes. Which one is next is a guess, and nothing is lost but the time if it is wrong.
 *
 * <p>There is one at a time. One that nobody asks for is taken away again.
 *
 * <p>Safe for use by several threads.
 */
public final class IndexesAhead implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(IndexesAhead.class);

  /** How an index is made before anybody asks for it. */
  @FunctionalInterface
  interface Maker {

    /**
     * {@return the digest of the index, which is in the store; nothing if it has to be made when it
     * is asked for}
     *
     * @param parent on which the layer is
     * @param ref of the layer
     */
    Optional<Digest> make(SnapshotRecord parent, LayerStore.LayerRef ref, Cancellation cancellation)
        throws IOException;
  }

  private final LayerStore layers;
  private final IndexedLayers indexedLayers;
  private final Maker maker;
  private final BooleanSupplier isRoomShort;
  private final Duration expected;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** All that have not ended. */
  private final Set<Making> all = new HashSet<>();

  /** The last that was begun, until nobody needs it any more. */
  private @Nullable Making current;

  private boolean isClosed;

  /**
   * @param isRoomShort whether there may be no room for more than what is asked for
   * @param expected how long an index is kept for somebody who asks for it
   */
  public IndexesAhead(
      LayerStore layers,
      IndexedLayers indexedLayers,
      Maker maker,
      BooleanSupplier isRoomShort,
      Duration expected) {
    this.layers = layers;
    this.indexedLayers = indexedLayers;
    this.maker = maker;
    this.isRoomShort = isRoomShort;
    this.expected = expected;
  }

  /** One index, with a thread of its own as long as it is of use. */
  private final class Making implements Runnable {
    private final SnapshotRecord parent;
    private final LayerStore.LayerRef ref;
    private final Cancellation cancellation = new Cancellation();
    private final Thread thread =
        Thread.ofPlatform().name("gatun-index-ahead").daemon().unstarted(this);

    // Under the lock. Who has asked keeps it until it is given back.
    private Optional<Digest> index = Optional.empty();
    private boolean isMade;
    private boolean isAsked;
    private boolean isGivenBack;
    private boolean isUseless;

    Making(SnapshotRecord parent, LayerStore.LayerRef ref) {
      this.parent = parent;
      this.ref = ref;
    }

    private boolean isToBeHad() {
      return !isAsked && !isUseless;
    }

    private boolean isOf(long parentId, Digest diffId) {
      return parent.id() == parentId && ref.diffId().equals(diffId);
    }

    @Override
    public void run() {
      Optional<Digest> made = Optional.empty();
      try {
        made = maker.make(parent, ref, cancellation);
      } catch (IOException | SnapshotException e) {
        // Whoever asks for it meets the same, and is told.
        log.debug("index is not made ahead diff_id={} reason=\"{}\"", ref.diffId(), e.getMessage());
      } catch (RuntimeException e) {
        log.error("cannot make an index ahead diff_id={}", ref.diffId(), e);
      } finally {
        try {
          end(this, made);
          awaitUseless(this);
        } finally {
          ref.close();
          // All of it, if it has no snapshot any more; and else an index that nobody needs.
          indexedLayers.retire(ref.diffId());
          leave(this);
        }
      }
    }
  }

  /** What somebody has asked for, and needs until this is closed. */
  final class Taken implements AutoCloseable {
    private final @Nullable Making making;

    private Taken(@Nullable Making making) {
      this.making = making;
    }

    /** {@return the digest of the index, if it was made ahead} */
    Optional<Digest> index() {
      return making == null ? Optional.empty() : making.index;
    }

    @Override
    public void close() {
      lock.lock();
      try {
        if (making != null) {
          making.isGivenBack = true;
          changed.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Has the index made of a layer on a snapshot that has just been committed. */
  void begin(SnapshotRecord parent, Digest diffId) {
    lock.lock();
    try {
      boolean isBusy = current != null && !current.isMade;
      if (isClosed || isBusy || isRoomShort.getAsBoolean()) {
        return;
      }
      Making making = start(parent, layers.acquire(diffId));
      all.add(making);
      if (current != null) {
        current.isUseless = true;
        changed.signalAll();
      }
      current = making;
    } catch (OutOfMemoryError e) {
      // There is no thread to be had, and what was asked for is done without.
      log.warn("index is not made ahead diff_id={} reason=\"{}\"", diffId, e.getMessage());
    } finally {
      lock.unlock();
    }
  }

  private Making start(SnapshotRecord parent, LayerStore.LayerRef ref) {
    Making making = new Making(parent, ref);
    boolean isStarted = false;
    try {
      making.thread.start();
      isStarted = true;
      return making;
    } finally {
      if (!isStarted) {
        ref.close();
      }
    }
  }

  /** Asks for the index of a layer on a snapshot; waits until it is there if it is being made. */
  Taken take(long parentId, Digest diffId) {
    lock.lock();
    try {
      Making making = current;
      if (making == null || !making.isToBeHad() || !making.isOf(parentId, diffId)) {
        return new Taken(null);
      }
      making.isAsked = true;
      awaitMade(making);
      return new Taken(making);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives up what is made for a place on a snapshot, which somebody wants to remove. Returns when
   * nobody is at it any more.
   */
  void forget(String name) {
    Making making = findOn(name);
    if (making != null) {
      making.cancellation.cancel();
      lock.lock();
      try {
        awaitMade(making);
      } finally {
        lock.unlock();
      }
    }
  }

  private @Nullable Making findOn(String name) {
    lock.lock();
    try {
      if (current == null || current.isAsked || !current.parent.name().equals(name)) {
        return null;
      }
      current.isUseless = true;
      changed.signalAll();
      return current;
    } finally {
      lock.unlock();
    }
  }

  private void awaitMade(Making making) {
    while (!making.isMade) {
      changed.awaitUninterruptibly();
    }
  }

  private void end(Making making, Optional<Digest> made) {
    lock.lock();
    try {
      making.index = made;
      making.isMade = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean isExpected(Making making, long nanosLeft) {
    return making.isToBeHad() && !isClosed && nanosLeft > 0;
  }

  /** Waits until nobody has the index any more, or is to be expected to ask for it. */
  private void awaitUseless(Making making) {
    lock.lock();
    try {
      long left = making.index.isPresent() ? expected.toNanos() : 0;
      while (isExpected(making, left)) {
        left = changed.awaitNanos(left);
      }
      while (making.isAsked && !making.isGivenBack) {
        changed.awaitUninterruptibly();
      }
      if (making.equals(current)) {
        current = null;
      }
    } catch (InterruptedException e) {
      // Nobody does that to this thread.
      throw new IllegalStateException("interrupted", e);
    } finally {
      lock.unlock();
    }
  }

  private void leave(Making making) {
    lock.lock();
    try {
      all.remove(making);
    } finally {
      lock.unlock();
    }
  }

  /** Takes away what nobody has asked for. */
  @Override
  public void close() {
    List<Making> last;
    lock.lock();
    try {
      isClosed = true;
      last = List.copyOf(all);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    last.forEach(making -> making.cancellation.cancel());
    last.forEach(making -> Outcomes.join(making.thread));
  }
}
