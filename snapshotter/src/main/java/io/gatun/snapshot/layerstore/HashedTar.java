package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.LayerConsumer;
import io.gatun.snapshot.layer.tar.TarSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A tar that is kept, read as the disk has it and hashed meanwhile: for who makes something of it
 * that does not say which layer it is, so that a damaged one would not be found out any more.
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

  /** Hands all entries to a consumer, and sees to it that they were those of the layer. */
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
          "the tar of layer %s is not what its name says: its content is damaged"
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
