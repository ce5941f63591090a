package io.gatun.snapshot.engine;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;

/** A blob whose readers wait until it is opened or abandoned. */
public final class GatedBlob implements LayerBlob {

  private final BytesBlob content;
  private final CountDownLatch gate = new CountDownLatch(1);
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile boolean isAbandoned;

  public GatedBlob(byte[] content) {
    this(content, BytesBlob.digestOf(content));
  }

  /** A blob whose descriptor has a wrong digest. */
  public GatedBlob(byte[] content, Digest said) {
    this.content = new BytesBlob(content).saying(said);
  }

  public void open() {
    gate.countDown();
  }

  public void awaitBegun() throws InterruptedException {
    begun.await();
  }

  public boolean isBegun() {
    return begun.getCount() == 0;
  }

  public void awaitClosed() throws InterruptedException {
    closed.await();
  }

  @Override
  public Digest digest() {
    return content.digest();
  }

  @Override
  public OptionalLong sizeBytes() {
    return content.sizeBytes();
  }

  @Override
  public boolean isVerified() {
    return false;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    begun.countDown();
    try {
      gate.await();
    } catch (InterruptedException e) {
      throw new IOException("interrupted", e);
    }
    if (isAbandoned) {
      throw new IOException("abandoned");
    }
    return content.read(into);
  }

  @Override
  public void abandon() {
    isAbandoned = true;
    gate.countDown();
  }

  @Override
  public void close() {
    closed.countDown();
  }
}
