package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.LayerBlob;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** A blob in memory that can have wrong content, fail and block. */
public final class BytesBlob implements LayerBlob {

  private final byte[] bytes;
  private final int pieceBytes;
  private final AtomicLong position = new AtomicLong();
  private final CountDownLatch abandoned = new CountDownLatch(1);
  private Digest digest;
  private OptionalLong sizeBytes;
  private boolean isVerified;
  private long failureAt = Long.MAX_VALUE;
  private boolean isWaiting;

  public BytesBlob(byte[] bytes) {
    this(bytes, 10_000);
  }

  BytesBlob(byte[] bytes, int pieceBytes) {
    this.bytes = bytes;
    this.pieceBytes = pieceBytes;
    this.digest = digestOf(bytes);
    this.sizeBytes = OptionalLong.of(bytes.length);
  }

  public static Digest digestOf(byte[] bytes) {
    var sha256 = Digest.sha256();
    sha256.update(bytes);
    return Digest.of(sha256);
  }

  public BytesBlob saying(Digest newDigest) {
    digest = newDigest;
    return this;
  }

  public BytesBlob saying(OptionalLong newSizeBytes) {
    sizeBytes = newSizeBytes;
    return this;
  }

  BytesBlob verified() {
    isVerified = true;
    return this;
  }

  /** Fails after that many bytes. */
  public BytesBlob failingAt(long offset) {
    failureAt = offset;
    return this;
  }

  /** Blocks after that many bytes until it is abandoned. */
  public BytesBlob waitingAt(long offset) {
    isWaiting = true;
    return failingAt(offset);
  }

  public long position() {
    return position.get();
  }

  boolean isAbandoned() {
    return abandoned.getCount() == 0;
  }

  @Override
  public Digest digest() {
    return digest;
  }

  @Override
  public OptionalLong sizeBytes() {
    return sizeBytes;
  }

  @Override
  public boolean isVerified() {
    return isVerified;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    int start = (int) position.get();
    if (start >= failureAt) {
      fail();
    }
    if (start == bytes.length) {
      return -1;
    }
    int length = Math.min(Math.min(pieceBytes, into.remaining()), bytes.length - start);
    length = (int) Math.min(length, failureAt - start);
    into.put(bytes, start, length);
    position.addAndGet(length);
    return length;
  }

  private void fail() throws IOException {
    if (isWaiting) {
      try {
        abandoned.await();
      } catch (InterruptedException e) {
        throw new IOException("interrupted", e);
      }
      throw new IOException("abandoned");
    }
    throw new IOException("cannot read at " + failureAt);
  }

  @Override
  public void abandon() {
    abandoned.countDown();
  }

  @Override
  public void close() {}
}
