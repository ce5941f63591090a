package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarSource;
import io.gatun.snapshot.layerstore.tar.ContentHash;
import io.gatun.snapshot.layerstore.tar.DiskContent;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A stored tar, read from disk and hashed on the way. For consumers whose output no longer refers
 * to the layer, so that damage could not be detected later.
 */
final class HashedTar implements TarSource, AutoCloseable {

  private final Digest diffId;
  private final Cancellation cancellation;
  private final ExecutorService reading = Executors.newSingleThreadExecutor();
  private final DiskContent content;
  private final ContentHash hash;

  /**
   * @param directory of the layer
   */
  HashedTar(Fd directory, Digest diffId, Cancellation cancellation) throws ErrnoException {
    this.diffId = diffId;
    this.cancellation = cancellation;
    boolean isOpen = false;
    try {
      this.content = new DiskContent(directory, LayerFile.Tar.TAR.name(), reading);
      isOpen = true;
    } finally {
      if (!isOpen) {
        reading.close();
      }
    }
    this.hash = new ContentHash(content, true, Runnable::run, _ -> {});
  }

  @Override
  public ByteBuffer next() throws IOException {
    cancellation.check();
    try {
      return hash.next();
    } catch (ErrnoException e) {
      throw unreadable(e);
    }
  }

  /** Passes all entries to a consumer, then checks the digest of the tar. */
  void read(LayerConsumer consumer) throws IOException {
    StoredTar.read(this, consumer, cancellation);
    boolean isRight;
    try {
      isRight = hash.isRight(diffId);
    } catch (ErrnoException e) {
      throw unreadable(e);
    }
    if (!isRight) {
      throw new InvalidLayerException(
          "the tar of layer %s is damaged: its content does not match its digest"
              .formatted(diffId));
    }
  }

  private LayerStoreException unreadable(ErrnoException cause) {
    return new LayerStoreException("cannot read the tar of layer " + diffId, cause);
  }

  @Override
  public void close() {
    hash.close();
    content.close();
    reading.close();
  }
}
