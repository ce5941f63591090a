package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.layer.tar.FileSink;
import io.gatun.snapshot.layer.tar.LayerConsumer;
import io.gatun.snapshot.layer.tar.LayerContent;
import io.gatun.snapshot.layer.tar.LayerEntry;
import io.gatun.snapshot.layer.tar.OpenedFile;
import io.gatun.snapshot.layer.tar.TarExtent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Files on their way from the thread that makes them to the one that fills them. Both go through
 * the layer: the maker passes over all content, and the filler over everything else.
 *
 * <p>The maker may be ahead by some files. When it waits for room it has passed the content of all
 * those that are to be filled, so that the filler has what it needs; and when the filler waits for
 * content, the maker is on its way through the same. Files are handed over several at a time, since
 * to wake a thread for each would cost as much as to fill it.
 */
final class FileWriteQueue implements LayerConsumer, AutoCloseable {

  private static final int BATCH = 16;

  /** Each holds a descriptor. */
  private static final int WAITING_MAX = 4 * BATCH;

  /**
   * @param offset where its content begins in the layer
   * @param bytes how long that is
   */
  private record PendingEntry(OpenedFile file, long offset, long bytes) {}

  private final FileSink sink;
  private final ChunkRing ring;
  private final TarCursor cursor;

  /** The maker's alone. */
  private final List<PendingEntry> batch = new ArrayList<>(BATCH);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition toBeMade = lock.newCondition();
  private final Condition toBeFilled = lock.newCondition();
  private final Queue<PendingEntry> waiting = new ArrayDeque<>(WAITING_MAX + BATCH);
  private long passedBytes;
  private boolean isFilling;
  private boolean isEnded;

  /**
   * @param ring the whole layer, and what has failed; before its first chunk is filled
   */
  FileWriteQueue(FileSink sink, ChunkRing ring) {
    this.sink = sink;
    this.ring = ring;
    this.cursor = new TarCursor(ring.addReader());
  }

  // What the maker does.

  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    if (entry instanceof LayerEntry.HardLink) {
      awaitFilled();
    }
    OpenedFile file = sink.make(entry);
    if (file != null && entry instanceof LayerEntry.RegularFile made) {
      batch.add(new PendingEntry(file, made.contentOffset(), contentBytes(made)));
      if (batch.size() == BATCH) {
        handOver();
      }
    }
  }

  private static long contentBytes(LayerEntry.RegularFile made) {
    long bytes = 0;
    for (TarExtent extent : made.extents()) {
      bytes += extent.length();
    }
    return bytes;
  }

  /** Says that no file to come has content before a place in the layer. */
  void passTo(long offset) throws ApplyStoppedException {
    handOver();
    lock.lock();
    try {
      passedBytes = offset;
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until all files are filled, after which there are no others. */
  void finish() throws ApplyStoppedException {
    awaitFilled();
    lock.lock();
    try {
      isEnded = true;
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  private void handOver() throws ApplyStoppedException {
    if (batch.isEmpty()) {
      return;
    }
    lock.lock();
    try {
      while (waiting.size() >= WAITING_MAX) {
        ring.check();
        toBeMade.awaitUninterruptibly();
      }
      ring.check();
      waiting.addAll(batch);
      batch.clear();
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  private void awaitFilled() throws ApplyStoppedException {
    handOver();
    lock.lock();
    try {
      while (isFilling || !waiting.isEmpty()) {
        ring.check();
        toBeMade.awaitUninterruptibly();
      }
      ring.check();
    } finally {
      lock.unlock();
    }
  }

  // What the filler does.

  /** Fills files until there are no others. */
  void fill() throws IOException {
    for (PendingEntry made = next(); made != null; made = next()) {
      try (OpenedFile file = made.file) {
        if (made.bytes > 0) {
          cursor.passTo(made.offset);
        }
        file.fill(new Content(made.bytes));
      } catch (ApplyStoppedException e) {
        throw e;
      } catch (IOException e) {
        // The maker, whose place is what other failures say, is somewhere else by now.
        throw new ApplyFailedException(e, "content at offset " + made.offset);
      }
    }
  }

  /** {@return the next file, or null after the last; chunks without content are given back} */
  private @Nullable PendingEntry next() throws ApplyStoppedException {
    while (true) {
      long passed;
      lock.lock();
      try {
        isFilling = false;
        if (waiting.isEmpty() || waiting.size() == WAITING_MAX / 2) {
          toBeMade.signal();
        }
        while (waiting.isEmpty() && !isEnded && !cursor.isBehind(passedBytes)) {
          ring.check();
          toBeFilled.awaitUninterruptibly();
        }
        ring.check();
        if (isEnded || !waiting.isEmpty()) {
          isFilling = !waiting.isEmpty();
          return waiting.poll();
        }
        passed = passedBytes;
      } finally {
        lock.unlock();
      }
      cursor.passTo(passed);
    }
  }

  private final class Content implements LayerContent {
    private long left;

    Content(long bytes) {
      this.left = bytes;
    }

    @Override
    public ByteBuffer next() throws ApplyStoppedException {
      ByteBuffer part = cursor.next(left);
      if (left > 0 && !part.hasRemaining()) {
        throw awaitFailure();
      }
      left -= part.remaining();
      return part;
    }
  }

  /** A layer that ends too early is for the maker to refuse, who knows where. */
  private ApplyStoppedException awaitFailure() throws ApplyStoppedException {
    lock.lock();
    try {
      while (true) {
        ring.check();
        toBeFilled.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  // What ends it.

  /** Wakes both, who then see that the ring has failed. */
  void wake() {
    lock.lock();
    try {
      toBeMade.signal();
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Closes files that were not filled, when nobody is at work any more. */
  @Override
  public void close() {
    waiting.forEach(made -> made.file.close());
    batch.forEach(made -> made.file.close());
  }
}
