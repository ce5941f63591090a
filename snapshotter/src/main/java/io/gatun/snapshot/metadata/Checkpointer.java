package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.metadata.journal.FileHeader;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes checkpoints in the background and prepares the next journal file. A failed attempt is
 * repeated with the next journal; until then, older journals accumulate.
 */
final class Checkpointer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Checkpointer.class);

  private final Generations generations;
  private final Index index;
  private final Ids ids;

  /** One checkpoint at a time. */
  private final ReentrantLock writing = new ReentrantLock();

  private final Object lock = new Object();
  private final Thread thread;
  private volatile long generation;
  private volatile long checkpointBytes;
  private @Nullable FileHeader requested;
  private boolean isSpareWanted = true;
  private boolean isClosed;

  Checkpointer(
      Generations generations, Index index, Ids ids, long generation, long checkpointBytes) {
    this.generations = generations;
    this.index = index;
    this.ids = ids;
    this.generation = generation;
    this.checkpointBytes = checkpointBytes;
    this.thread = Thread.ofPlatform().name("gatun-checkpoint").daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** Requests the checkpoint for the generation that the journal begins, and the next spare. */
  void request(FileHeader journal) {
    synchronized (lock) {
      requested = journal;
      isSpareWanted = true;
      lock.notifyAll();
    }
  }

  void requestSpare() {
    synchronized (lock) {
      isSpareWanted = true;
      lock.notifyAll();
    }
  }

  long generation() {
    return generation;
  }

  long checkpointBytes() {
    return checkpointBytes;
  }

  /** Writes a generation's checkpoint now, and deletes the files that it supersedes. */
  void write(FileHeader journal) throws ErrnoException {
    writing.lock();
    try {
      if (journal.generation() <= generation) {
        return;
      }
      long started = System.nanoTime();
      checkpointBytes = index.writeCheckpoint(generations, journal, ids);
      generation = journal.generation();
      generations.deleteBefore(generation);
      LOG.debug(
          "checkpoint={} records={} bytes={} micros={}",
          journal.generation(),
          index.count(),
          checkpointBytes,
          (System.nanoTime() - started) / 1_000);
    } finally {
      writing.unlock();
    }
  }

  private void run() {
    while (true) {
      FileHeader journal;
      boolean isSpareNext;
      synchronized (lock) {
        while (requested == null && !isSpareWanted && !isClosed) {
          try {
            lock.wait();
          } catch (InterruptedException e) {
            return;
          }
        }
        if (isClosed) {
          return;
        }
        journal = requested;
        isSpareNext = isSpareWanted;
        requested = null;
        isSpareWanted = false;
      }
      try {
        if (journal != null) {
          write(journal);
        }
        if (isSpareNext) {
          generations.prepareSpare();
        }
      } catch (ErrnoException e) {
        LOG.warn(
            "cannot write a checkpoint or the next journal; will retry later error=\"{}\"",
            e.getMessage());
      } catch (RuntimeException | Error e) {
        // A bug or an OutOfMemoryError. If this thread died, the store would run out of journals.
        LOG.error("cannot write a checkpoint or the next journal; will retry later", e);
      }
    }
  }

  /** Finishes the current write and starts no other. */
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
  }
}
