package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.HighWaterMark;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalFile;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes the store, on one thread at a time: takes all waiting requests, writes them as one
 * journal frame, syncs it, applies them to the index, and completes them. Requests that arrive
 * meanwhile form the next batch, which shares one fdatasync(2).
 *
 * <p>An uncontended caller commits on its own thread: two thread wake-ups would cost a good part of
 * an fdatasync(2). Requests that gather meanwhile are left to the store's own thread, which keeps a
 * caller from working for others.
 *
 * <p>Failures:
 *
 * <ul>
 *   <li>No room for the next journal: additions are refused. Removals continue in the reserve.
 *   <li>A write fails: the frame is erased and its batch fails. Everything left in the journal is
 *       synced.
 *   <li>A sync fails, or a write fails after it may have lost earlier pages: the journal's content
 *       is unknown, because the kernel drops pages that it could not write. All records are written
 *       to new files, then the batch. While that fails, changes are refused and reads continue.
 * </ul>
 */
final class Committer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Committer.class);

  /** Limits how often expensive work is retried on a full or broken disk. */
  private static final long RETRY_INTERVAL_NANOS = 1_000_000_000L;

  /**
   * Idle time after which the high-water mark is synced; before that, the next batch makes the mark
   * of the previous one durable.
   */
  private static final long QUIET_MILLIS = 1_000;

  /** Stops journals from filling the disk when no checkpoint succeeds. */
  private static final int JOURNALS_MAX = 32;

  private final Generations generations;
  private final Index index;
  private final Ids ids;
  private final HighWaterMark highWaterMark;
  private final Checkpointer checkpointer;
  private final Capacity capacity;
  private final int bodyBytesMax;
  private final ByteBuffer buffer;
  private final Thread thread;

  private final Object lock = new Object();
  private final Deque<Request> waiting = new ArrayDeque<>();
  private List<Request> inFlight = List.of();
  private boolean isClosed;

  /** Whether a thread is changing the store. That thread owns the unguarded fields below. */
  private boolean isBusy;

  /** Whether the journal thread polls for the end of the idle time. */
  private boolean isWatching;

  private long quietSinceNanos;

  private volatile @Nullable Throwable broken;

  /** Why the journal cannot be trusted. Only the busy thread changes it. */
  private volatile @Nullable String suspicion;

  // Used only by the busy thread, and after the journal thread has ended.
  private JournalFile journal;
  private long nextSequence;
  private long checkpointBacklogBytes;
  private boolean isRewriteJournal;
  private long nextRewriteNanos;
  private long nextRotationNanos;
  private boolean isAcknowledgedWarned;

  Committer(
      Generations generations,
      Index index,
      Ids ids,
      HighWaterMark highWaterMark,
      Checkpointer checkpointer,
      JournalFile journal,
      long nextSequence) {
    this.generations = generations;
    this.index = index;
    this.ids = ids;
    this.highWaterMark = highWaterMark;
    this.checkpointer = checkpointer;
    this.journal = journal;
    this.nextSequence = nextSequence;
    this.nextRotationNanos = System.nanoTime();
    this.capacity = new Capacity(generations.settings().entriesMax());
    this.bodyBytesMax = JournalFile.bodyBytesMax(generations.settings());
    this.buffer = ByteBuffer.allocateDirect(Frame.sizeOf(bodyBytesMax + Frame.RESERVE_BYTES));
    this.thread = Thread.ofPlatform().name("gatun-journal").daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** Makes changes durable and visible, all or none. Returns when they are. */
  void commit(List<EncodedChange> changes) {
    Request request = new Request(changes);
    if (request.bytes() + Frame.RESERVE_BYTES > bodyBytesMax) {
      throw new SnapshotException.InvalidArgument(
          "the changes take %d bytes; at most %d are allowed"
              .formatted(request.bytes(), bodyBytesMax - Frame.RESERVE_BYTES));
    }
    boolean isLeader = false;
    synchronized (lock) {
      if (broken != null) {
        throw new SnapshotException.Unavailable("the metadata store has failed: " + broken, broken);
      }
      if (isClosed) {
        throw new SnapshotException.Unavailable("the metadata store is closed", null);
      }
      if (isBusy || !waiting.isEmpty()) {
        // The busy thread wakes the journal thread when it has finished.
        waiting.add(request);
      } else {
        isBusy = true;
        inFlight = List.of(request);
        isLeader = true;
      }
    }
    if (isLeader) {
      commitInFlight();
    }
    request.await();
  }

  /**
   * {@return whether a start after a crash would find the same state as the index} If not, it may
   * find a change that was refused.
   */
  boolean isJournalTrusted() {
    return suspicion == null && broken == null;
  }

  private void run() {
    while (take()) {
      commitInFlight();
    }
  }

  /** Commits the requests in flight. Called by the busy thread, which is idle afterwards. */
  // After a bug or an OutOfMemoryError, no caller may wait for ever and nothing more may be
  // written.
  @SuppressWarnings("CatchingThrowable")
  private void commitInFlight() {
    try {
      if (inFlight.isEmpty()) {
        settle();
      }
      Deque<Request> rest = new ArrayDeque<>(inFlight);
      while (!rest.isEmpty()) {
        commitSome(rest);
      }
    } catch (Throwable e) {
      breakDown(e);
    }
    synchronized (lock) {
      isBusy = false;
      inFlight = List.of();
      quietSinceNanos = System.nanoTime();
      if (!waiting.isEmpty() || isClosed || !isWatching) {
        lock.notifyAll();
      }
    }
  }

  /**
   * Waits for work and takes it: all waiting requests, or none if the idle time has passed and the
   * high-water mark has to be synced.
   *
   * @return false when the thread should end
   */
  private boolean take() {
    synchronized (lock) {
      while (true) {
        if (!isBusy) {
          if (broken != null) {
            return false;
          }
          if (!waiting.isEmpty()) {
            inFlight = List.copyOf(waiting);
            waiting.clear();
            isBusy = true;
            return true;
          }
          if (!highWaterMark.isSynced() && (isClosed || quietMillisLeft() <= 0)) {
            isBusy = true;
            return true;
          }
          if (isClosed) {
            return false;
          }
        }
        isWatching = isBusy || !highWaterMark.isSynced();
        try {
          lock.wait(waitMillis());
        } catch (InterruptedException e) {
          throw new IllegalStateException("the journal thread was interrupted", e);
        }
      }
    }
  }

  /** {@return how long to wait; 0 means for ever} The lock must be held. */
  private long waitMillis() {
    if (!isWatching) {
      return 0;
    }
    return isBusy ? QUIET_MILLIS : Math.max(1, quietMillisLeft());
  }

  private long quietMillisLeft() {
    return QUIET_MILLIS - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - quietSinceNanos);
  }

  /** Makes the high-water mark durable, see {@link HighWaterMark}. */
  private void settle() {
    try {
      highWaterMark.sync();
    } catch (ErrnoException e) {
      warnOfAcknowledged(e);
    }
  }

  private void breakDown(Throwable cause) {
    LOG.error("the metadata store has failed; changes are refused from now on", cause);
    List<Request> lost;
    synchronized (lock) {
      broken = cause;
      lost = new ArrayList<>(inFlight);
      lost.addAll(waiting);
      waiting.clear();
    }
    lost.forEach(
        request ->
            request.fail(
                new SnapshotException.Unavailable(
                    "the metadata store has failed: " + cause, cause)));
  }

  /** Commits as many of the remaining requests as fit into one frame, and answers them. */
  private void commitSome(Deque<Request> rest) {
    Batch batch = new Batch(index, capacity, buffer, bodyBytesMax);
    List<Request> taken = new ArrayList<>();
    while (!rest.isEmpty() && batch.hasRoom(rest.getFirst())) {
      taken.add(rest.getFirst());
      batch.add(rest.removeFirst());
    }
    if (!batch.isRemoval()) {
      ids.wanted().ifPresent(batch::reserve);
    }
    if (batch.isEmpty()) {
      batch.complete();
      return;
    }
    try {
      requireTrusted();
      makeRoom(batch);
    } catch (SnapshotException e) {
      if (batch.isRemoval() || suspicion != null) {
        batch.fail(e);
        return;
      }
      // Additions are refused, and removals are retried alone.
      taken.stream().filter(request -> !request.isRemoval()).forEach(request -> request.fail(e));
      taken.reversed().stream().filter(Request::isRemoval).forEach(rest::addFirst);
      return;
    }
    try {
      append(batch);
    } catch (SnapshotException e) {
      batch.fail(e);
      return;
    }
    nextSequence++;
    acknowledge();
    batch.apply(ids);
    capacity.observe(index.count());
    batch.complete();
  }

  /** Advances the high-water mark. Its loss only weakens damage detection. */
  private void acknowledge() {
    try {
      highWaterMark.write(journal.header().generation(), nextSequence - 1);
    } catch (ErrnoException e) {
      warnOfAcknowledged(e);
    }
  }

  private void warnOfAcknowledged(ErrnoException cause) {
    if (!isAcknowledgedWarned) {
      LOG.warn("later damage to the journal may go unnoticed error=\"{}\"", cause.getMessage());
      isAcknowledgedWarned = true;
    }
  }

  // Room.

  /** Starts the next journal if this one is full. If that fails, removals use the reserve. */
  private void makeRoom(Batch batch) {
    long reserve = JournalFile.reserveBytes(generations.settings());
    if (journal.hasRoom(batch.frameBytes(), reserve)) {
      return;
    }
    boolean hasReserve = batch.isRemoval() && journal.hasRoom(batch.frameBytes(), 0);
    if (hasReserve && System.nanoTime() - nextRotationNanos < 0) {
      return;
    }
    try {
      if (journal.header().generation() - checkpointer.generation() >= JOURNALS_MAX) {
        checkpointer.request(journal.header());
        throw new SnapshotException.ResourceExhausted(
            "%d journals have been written since the last successful checkpoint"
                .formatted(JOURNALS_MAX),
            null);
      }
      rotate();
    } catch (ErrnoException e) {
      nextRotationNanos = System.nanoTime() + RETRY_INTERVAL_NANOS;
      if (!hasReserve || suspicion != null) {
        throw failure("begin a journal", e);
      }
    } catch (SnapshotException.ResourceExhausted e) {
      if (!hasReserve) {
        throw e;
      }
    }
  }

  private void rotate() throws ErrnoException {
    begin();
    checkpointBacklogBytes += journal.capacityBytes();
    boolean isCheckpointDue = checkpointBacklogBytes >= checkpointer.checkpointBytes();
    if (isCheckpointDue) {
      checkpointBacklogBytes = 0;
      checkpointer.request(journal.header());
    } else {
      checkpointer.requestSpare();
    }
  }

  /** Continues in a new journal, which is usable only if this returns. */
  private void begin() throws ErrnoException {
    JournalFile next =
        generations.begin(
            journal.header().store(), journal.header().generation() + 1, nextSequence);
    journal.close();
    journal = next;
    try {
      generations.syncDirectory();
    } catch (ErrnoException e) {
      // The new journal says where the old one ends, which makes the old one unusable.
      failJournal(e);
      throw e;
    }
  }

  // Writing.

  private void append(Batch batch) {
    try {
      write(batch);
      return;
    } catch (ErrnoException e) {
      if (suspicion == null) {
        throw failure("write the journal", e);
      }
    }
    requireTrusted();
    try {
      write(batch);
    } catch (ErrnoException e) {
      throw failure("write the journal", e);
    }
  }

  private void write(Batch batch) throws ErrnoException {
    ByteBuffer frame = batch.seal(journal.header().salt(), nextSequence);
    int bytes = frame.remaining();
    try {
      journal.write(frame);
    } catch (ErrnoException e) {
      if (journal.mayHaveLost(e)) {
        failJournal(e);
      }
      erase(e);
      throw e;
    }
    try {
      journal.sync(bytes);
    } catch (ErrnoException e) {
      failJournal(e);
      erase(e);
      throw e;
    }
  }

  /** Keeps a refused batch from reappearing after a restart, where possible. */
  private void erase(ErrnoException cause) {
    try {
      journal.erase();
    } catch (ErrnoException e) {
      cause.addSuppressed(e);
      failJournal(cause);
    }
  }

  private void failJournal(ErrnoException cause) {
    suspicion = cause.getMessage();
    nextRewriteNanos = System.nanoTime();
    LOG.error(
        "the journal cannot be trusted any more; rewriting all metadata to new files"
            + " journal={} error=\"{}\"",
        journal.name(),
        cause.getMessage());
  }

  /** Rewrites all metadata to new files if the journal cannot be trusted. */
  private void requireTrusted() {
    if (suspicion == null) {
      return;
    }
    if (System.nanoTime() - nextRewriteNanos < 0) {
      throw refusal(null);
    }
    try {
      rewriteAll();
    } catch (ErrnoException e) {
      nextRewriteNanos = System.nanoTime() + RETRY_INTERVAL_NANOS;
      throw refusal(e);
    }
    LOG.warn(
        "all metadata was rewritten to new files; changes are accepted again journal={}",
        journal.name());
    suspicion = null;
  }

  private void rewriteAll() throws ErrnoException {
    if (isRewriteJournal) {
      // Reuses the file of the previous attempt; otherwise each attempt would leave one.
      generations.recycle(journal);
      isRewriteJournal = false;
    }
    JournalFile before = journal;
    try {
      begin();
    } finally {
      isRewriteJournal = journal != before;
    }
    checkpointer.write(journal.header());
    isRewriteJournal = false;
    checkpointBacklogBytes = 0;
    checkpointer.requestSpare();
  }

  private SnapshotException refusal(@Nullable ErrnoException cause) {
    return new SnapshotException.Unavailable(
        "the metadata store refuses changes because its journal failed (%s)%s"
            .formatted(
                suspicion, cause == null ? "" : " and cannot be rewritten: " + cause.getMessage()),
        cause);
  }

  private static SnapshotException failure(String operation, ErrnoException cause) {
    String message = "%s: %s".formatted(operation, cause.getMessage());
    return Shortage.isReason(cause)
        ? new SnapshotException.ResourceExhausted(message, cause)
        : new SnapshotException.StorageFailure(message, cause);
  }

  // The end.

  /** Finishes the waiting requests and accepts no others. */
  @Override
  public void close() {
    synchronized (lock) {
      isClosed = true;
      lock.notifyAll();
    }
    boolean isInterrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
    journal.close();
    highWaterMark.close();
  }

  long store() {
    return journal.header().store();
  }

  /** {@return the next sequence number if everything before it is durable} Call after closing. */
  OptionalLong firstTrustedId() {
    synchronized (lock) {
      return broken == null && suspicion == null
          ? OptionalLong.of(nextSequence)
          : OptionalLong.empty();
    }
  }
}
