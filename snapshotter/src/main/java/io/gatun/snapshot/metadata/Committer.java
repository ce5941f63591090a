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
 * Changes the store, by one thread at a time: takes all requests that wait, writes them as one
 * frame of the journal, syncs it, applies them to the index, and tells those who wait. Meanwhile
 * the next requests gather; so the more there are at a time, the more share an fdatasync(2).
 *
 * <p>Who comes when nobody is at it does it for himself, as to wake another thread and to be woken
 * takes a good part of the time of an fdatasync(2). What gathers meanwhile is for a thread of the
 * store's own, so that nobody is kept by what others ask for.
 *
 * <p>What goes wrong, and what then:
 *
 * <ul>
 *   <li>There is no room for the next journal: what adds is refused. Removals go on, in the
 *       reserve.
 *   <li>A write is refused: its frame is erased, and the batch with it. Whatever is in the journal
 *       was synced.
 *   <li>A sync fails: nothing can be said of what is in the journal, as the kernel drops the pages
 *       that it could not write; nor if the disk fails in a write that went past those. All records
 *       are written to new files, and then the batch. If that fails as well, changes are refused
 *       until it works, and reading goes on.
 * </ul>
 */
final class Committer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Committer.class);

  /** Between attempts at what is much work for a disk that may be full or broken. */
  private static final long RETRY_INTERVAL_NANOS = 1_000_000_000L;

  /**
   * After how long without a request the mark of what was acknowledged is made durable; until then,
   * the next batch does as much for the one before.
   */
  private static final long QUIET_MILLIS = 1_000;

  /** If no checkpoint succeeds, journals do not fill the disk. */
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

  /** Whether somebody is changing the store; only he uses what changes with it. */
  private boolean isBusy;

  /** Whether the thread looks by itself, from time to time, whether it has been quiet for long. */
  private boolean isWatching;

  /** When the last batch was done. */
  private long quietSinceNanos;

  private volatile @Nullable Throwable broken;

  /** Why the journal cannot be trusted. Only who is busy changes it. */
  private volatile @Nullable String suspicion;

  // Only who is busy uses what follows, and those who have seen the thread end.
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
          "the changes take %d bytes together, and at most %d are allowed"
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
        // Who is busy wakes the thread when he is not any more.
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
   * {@return whether the index is what a start after a crash would find} If not, a change that was
   * refused may be found then.
   */
  boolean isJournalTrusted() {
    return suspicion == null && broken == null;
  }

  private void run() {
    while (take()) {
      commitInFlight();
    }
  }

  /** Commits what is in flight. To be called by who is busy, and is not afterwards. */
  // A bug, or memory that ran out: nobody may wait for ever, and nothing more may be written.
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
   * Waits for something to do, and takes it: all requests that wait, or none if it has been quiet
   * for so long that the mark of what was acknowledged is to be made durable.
   *
   * @return whether there is anything; if so, the thread is busy
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
          throw new IllegalStateException("nobody may interrupt the journal", e);
        }
      }
    }
  }

  /** {@return how long to wait for something to change; 0 for ever} The lock must be held. */
  private long waitMillis() {
    if (!isWatching) {
      return 0;
    }
    return isBusy ? QUIET_MILLIS : Math.max(1, quietMillisLeft());
  }

  private long quietMillisLeft() {
    return QUIET_MILLIS - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - quietSinceNanos);
  }

  /** See {@link HighWaterMark}: from here on, a power cut does not make it say less. */
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

  /** Takes as many requests as fit into a frame from those that are left, and answers them. */
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
      // What adds is refused, and the removals among them are tried by themselves.
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

  /** See {@link HighWaterMark}. It only ever says more than the journal does by itself. */
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

  /**
   * Begins the next journal if this one is full. Removals may use its reserve if there is no other
   * way.
   */
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
            "there are %d journals since the last checkpoint that could be written"
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

  /** Goes on in a new journal, which is usable only if this returns. */
  private void begin() throws ErrnoException {
    JournalFile next =
        generations.begin(
            journal.header().store(), journal.header().generation() + 1, nextSequence);
    journal.close();
    journal = next;
    try {
      generations.syncDirectory();
    } catch (ErrnoException e) {
      // The new journal says where the old one ends, so there is no way back to that.
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

  /** What was not acknowledged shall not come back after a restart, if that can be helped. */
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
        "the journal cannot be trusted any more; all metadata is written to new files"
            + " journal={} error=\"{}\"",
        journal.name(),
        cause.getMessage());
  }

  /** Writes all there is to new files if the journal cannot be trusted. */
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
    LOG.warn("all metadata is in new files, and changes are accepted journal={}", journal.name());
    suspicion = null;
  }

  private void rewriteAll() throws ErrnoException {
    if (isRewriteJournal) {
      // What the attempt before has begun. Without this, each attempt would leave another file.
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
        "the metadata store refuses changes, because its journal failed (%s)%s"
            .formatted(
                suspicion,
                cause == null ? "" : " and cannot be written anew: " + cause.getMessage()),
        cause);
  }

  private static SnapshotException failure(String operation, ErrnoException cause) {
    String message = "%s: %s".formatted(operation, cause.getMessage());
    return Shortage.isReason(cause)
        ? new SnapshotException.ResourceExhausted(message, cause)
        : new SnapshotException.StorageFailure(message, cause);
  }

  // The end.

  /** Finishes what waits, and begins nothing more. */
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

  /** {@return which store the journal belongs to} */
  long store() {
    return journal.header().store();
  }

  /**
   * {@return the sequence number that comes next, if all before is durable; to be asked once it is
   * closed}
   */
  OptionalLong firstTrustedId() {
    synchronized (lock) {
      return broken == null && suspicion == null
          ? OptionalLong.of(nextSequence)
          : OptionalLong.empty();
    }
  }
}
