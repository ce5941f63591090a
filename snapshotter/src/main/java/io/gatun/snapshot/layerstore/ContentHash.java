package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.tar.TarSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.IntConsumer;

/**
 * Tells whether the disk has what the name of a file says: the diff id of a tar, or an index.
 * Meanwhile somebody else may read the same, piece by piece, while another thread hashes it.
 */
public final class ContentHash implements TarSource, AutoCloseable {

  private final DiskContent content;
  private final Executor hashing;
  private final IntConsumer progress;
  private final BufferHash hash = new BufferHash();
  // The end by itself, as it may have zeros that are not the layer's.
  private final long lastBlock;
  private final byte[] last;
  private long at;

  /** The piece that was given out last, which is overwritten when another one is asked for. */
  private CompletableFuture<Void> hashed = CompletableFuture.completedFuture(null);

  /**
   * @param isTar whether zeros may follow up to a whole block
   * @param hashing where pieces are hashed while whoever has asked for them looks at them
   * @param progress is told how many bytes have been read, each time
   */
  public ContentHash(DiskContent content, boolean isTar, Executor hashing, IntConsumer progress) {
    this.content = content;
    this.hashing = hashing;
    this.progress = progress;
    long end = content.sizeBytes();
    this.lastBlock = isTar ? Math.max(0, end - TarFile.BLOCK_BYTES) : end;
    this.last = new byte[(int) (end - lastBlock)];
  }

  /** {@return whether a file is what it should be, all of which is read} */
  public static boolean isRight(
      DiskContent content, Digest digest, boolean isTar, IntConsumer progress) throws IOException {
    try (ContentHash hash = new ContentHash(content, isTar, Runnable::run, progress)) {
      return hash.isRight(digest);
    }
  }

  /** {@return what comes next, which is hashed before anything else comes} */
  @Override
  public ByteBuffer next() throws IOException {
    hashed.join();
    ByteBuffer piece = content.next();
    int start = piece.position();
    int length = piece.remaining();
    int before = Math.clamp(lastBlock - at, 0, length);
    ByteBuffer hashable = piece.slice(start, before);
    hashed = CompletableFuture.runAsync(() -> hash.update(hashable), hashing);
    if (before < length) {
      piece.get(start + before, last, (int) (at + before - lastBlock), length - before);
    }
    at += length;
    progress.accept(length);
    return piece.asReadOnlyBuffer();
  }

  /** {@return whether the file is what it should be} What is left of it is read first. */
  public boolean isRight(Digest digest) throws IOException {
    while (next().hasRemaining()) {
      // It is hashed.
    }
    hashed.join();
    return at == content.sizeBytes() && isEnd(digest);
  }

  /** {@return whether this is the end, be it without some or all of the zeros that it has} */
  private boolean isEnd(Digest digest) {
    int length = last.length;
    while (true) {
      if (hash.with(last, length).equals(digest)) {
        return true;
      }
      if (length <= 1 || last[length - 1] != 0) {
        return false;
      }
      length--;
    }
  }

  /** Nobody reads the content any more when this returns. */
  @Override
  public void close() {
    hashed.join();
  }
}
