package io.gatun.snapshot.layerstore.tar;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.tar.TarSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.IntConsumer;

/**
 * Checks the content of a file on disk against its name: the diff id of a tar, or the digest of an
 * index. A consumer may read the same pieces while another thread hashes them.
 */
public final class ContentHash implements TarSource, AutoCloseable {

  private final DiskContent content;
  private final Executor hashing;
  private final IntConsumer progress;
  private final BufferHash hash = new BufferHash();
  // Kept apart: some of its trailing zeros may be padding that is not part of the layer.
  private final long lastBlock;
  private final byte[] last;
  private long at;

  /** The hashing of the last returned piece, whose buffer the next call overwrites. */
  private CompletableFuture<Void> hashed = CompletableFuture.completedFuture(null);

  /**
   * @param isTar whether zeros may follow up to a whole block
   * @param hashing hashes pieces while the caller uses them
   * @param progress receives the number of bytes of each read
   */
  public ContentHash(DiskContent content, boolean isTar, Executor hashing, IntConsumer progress) {
    this.content = content;
    this.hashing = hashing;
    this.progress = progress;
    long end = content.sizeBytes();
    this.lastBlock = isTar ? Math.max(0, end - TarFile.BLOCK_BYTES) : end;
    this.last = new byte[(int) (end - lastBlock)];
  }

  /** {@return whether a file, which is read to its end, matches its digest} */
  public static boolean isRight(
      DiskContent content, Digest digest, boolean isTar, IntConsumer progress) throws IOException {
    try (ContentHash hash = new ContentHash(content, isTar, Runnable::run, progress)) {
      return hash.isRight(digest);
    }
  }

  /** {@return the next piece, which is hashed before the one after it is read} */
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

  /** {@return whether the file matches the digest, after reading the rest of it} */
  public boolean isRight(Digest digest) throws IOException {
    while (next().hasRemaining()) {
      // next() hashes each piece.
    }
    hashed.join();
    return at == content.sizeBytes() && isEnd(digest);
  }

  /** {@return whether the end matches, with any number of its trailing zeros left out} */
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

  /** Returns when no thread reads the content any more. */
  @Override
  public void close() {
    hashed.join();
  }
}
