package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.concurrent.ChunkRing;
import io.gatun.snapshot.layer.entry.FileSink;
import io.gatun.snapshot.layer.entry.FileSink.OpenedFile;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
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
 * Passes files from the thread that creates them to the one that fills them. Both read the layer:
 * the creator skips all content, the filler everything else.
 *
 * <p>The creator may be several files ahead. When it waits for queue space, it has passed the
 * content of all queued files, so the filler can proceed; when the filler waits for content, the
 * creator is still reading towards it. Files are passed in batches, since waking a thread for each
 * would cost as much as filling it.
 */
final class FileWriteQueue implements LayerConsumer, AutoCloseable {

  private static final int BATCH = 16;

  /** Each holds a descriptor. */
  private static final int WAITING_MAX = 4 * BATCH;

  /**
   * @param offset of its content in the layer
   * @param bytes length of its content
   */
  private record PendingEntry(OpenedFile file, long offset, long bytes) {}

  private final FileSink sink;
  private final ChunkRing ring;
  private final TarCursor cursor;

  /** Used by the creator only. */
  private final List<PendingEntry> batch = new ArrayList<>(BATCH);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition toBeMade = lock.newCondition();
  private final Condition toBeFilled = lock.newCondition();
  private final Queue<PendingEntry> waiting = new ArrayDeque<>(WAITING_MAX + BATCH);
  private long passedBytes;
  private boolean isFilling;
  private boolean isEnded;

  /**
   * @param ring the whole layer and its failures; before its first chunk is filled
   */
  FileWriteQueue(FileSink sink, ChunkRing ring) {
    this.sink = sink;
    this.ring = ring;
    this.cursor = new TarCursor(ring.addReader());
  }

  // The creator.

  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    if (entry instanceof LayerEntry.HardLink) {
      awaitFilled();
    }
    OpenedFile file = sink.make(entry);
    if (file != null && entry instanceof LayerEntry.RegularFile made) {
      batch.add(
          new PendingEntry(file, made.contentOffset(), TarExtent.totalLength(made.extents())));
      if (batch.size() == BATCH) {
        handOver();
      }
    }
  }

  /** Announces that no further file has content before an offset in the layer. */
  void passTo(long offset) throws ChunkRing.StoppedException {
    handOver();
    lock.lock();
    try {
      passedBytes = offset;
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until all files are filled; no further ones may follow. */
  void finish() throws ChunkRing.StoppedException {
    awaitFilled();
    lock.lock();
    try {
      isEnded = true;
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  private void handOver() throws ChunkRing.StoppedException {
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

  private void awaitFilled() throws ChunkRing.StoppedException {
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

  // The filler.

  /** Fills files until there are no more. */
  void fill() throws IOException {
    for (PendingEntry made = next(); made != null; made = next()) {
      try (OpenedFile file = made.file) {
        cursor.begin(made.offset, made.bytes);
        file.fill(cursor);
      } catch (ChunkRing.StoppedException e) {
        throw e;
      } catch (IOException e) {
        // Add the position here: the creator, whose position other failures report, is elsewhere by
        // now.
        throw new ApplyFailedException(e, "content at offset " + made.offset);
      }
    }
  }

  /** {@return the next file, or null after the last} Releases chunks without content meanwhile. */
  private @Nullable PendingEntry next() throws ChunkRing.StoppedException {
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

  /** The creator detects that the layer is truncated and knows the position. */
  private ChunkRing.StoppedException awaitFailure() throws ChunkRing.StoppedException {
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

  // Termination.

  /** Wakes both threads, so that they see the failure of the ring. */
  void wake() {
    lock.lock();
    try {
      toBeMade.signal();
      toBeFilled.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Closes unfilled files after both threads have ended. */
  @Override
  public void close() {
    waiting.forEach(made -> made.file.close());
    batch.forEach(made -> made.file.close());
  }

  /** A position in the uncompressed layer that only moves forward, and the content there. */
  private final class TarCursor implements LayerContent {
    private final ChunkRing.Reader chunks;
    private ByteBuffer chunk = ByteBuffer.allocateDirect(0);

    /** The offset in the layer of the chunk's end; the maximum at the end of the layer. */
    private long end;

    /** The unread content of the file. */
    private long left;

    TarCursor(ChunkRing.Reader chunks) {
      this.chunks = chunks;
    }

    /** {@return whether an offset is after the current chunk} */
    boolean isBehind(long offset) {
      return end <= offset;
    }

    /** Moves to an offset unless it is passed already, and releases all chunks before it. */
    void passTo(long offset) throws ChunkRing.StoppedException {
      while (isBehind(offset)) {
        advance();
      }
      if (chunk.remaining() > end - offset) {
        chunk.position(chunk.limit() - (int) (end - offset));
      }
    }

    /** Begins the content of a file. */
    void begin(long offset, long bytes) throws ChunkRing.StoppedException {
      if (bytes > 0) {
        passTo(offset);
      }
      left = bytes;
    }

    @Override
    public ByteBuffer next() throws ChunkRing.StoppedException {
      if (left > 0 && !chunk.hasRemaining()) {
        advance();
      }
      int bytes = (int) Math.min(chunk.remaining(), left);
      if (left > 0 && bytes == 0) {
        throw awaitFailure();
      }
      ByteBuffer part = chunk.slice(chunk.position(), bytes);
      chunk.position(chunk.position() + bytes);
      left -= bytes;
      return part;
    }

    private void advance() throws ChunkRing.StoppedException {
      chunk = chunks.next();
      end = chunk.hasRemaining() ? end + chunk.remaining() : Long.MAX_VALUE;
    }
  }
}
