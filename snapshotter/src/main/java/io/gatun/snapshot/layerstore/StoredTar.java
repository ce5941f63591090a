package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarSource;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * A stored tar, open for reading. Its content was hashed when it was written; unlike {@link
 * LayerStore#read}, this class does not hash it again.
 */
public final class StoredTar implements AutoCloseable {

  /** Holds a few headers, with little of the content between them. */
  private static final int HEADERS_BYTES = 4096;

  private static final int CONTENT_BYTES = 1 << 20;

  private final Fd file;
  private final long sizeBytes;

  /**
   * @param file which is closed with this
   */
  StoredTar(Fd file) throws ErrnoException {
    this.file = file;
    this.sizeBytes = Stat.statx(file).sizeBytes();
  }

  /** {@return the file} */
  public Fd file() {
    return file;
  }

  /** {@return its length in bytes, a multiple of 512} */
  public long sizeBytes() {
    return sizeBytes;
  }

  /**
   * Passes the entries to a consumer that needs no content: reads only the headers and skips the
   * content between them.
   *
   * @throws LayerStoreException if it cannot be read
   * @throws InvalidLayerException if the file is damaged
   * @throws IOException from the consumer
   */
  public void readHeaders(LayerConsumer consumer, Cancellation cancellation) throws IOException {
    read(consumer, cancellation, HEADERS_BYTES);
  }

  /** Like {@link #readHeaders}, with content. */
  public void read(LayerConsumer consumer, Cancellation cancellation) throws IOException {
    read(consumer, cancellation, CONTENT_BYTES);
  }

  private void read(LayerConsumer consumer, Cancellation cancellation, int pieceBytes)
      throws IOException {
    try (NativeBuffer memory = new NativeBuffer(pieceBytes)) {
      read(new Pieces(memory.buffer(), cancellation), consumer, cancellation);
    }
  }

  static void read(TarSource tar, LayerConsumer consumer, Cancellation cancellation)
      throws IOException {
    LayerReader reader = new LayerReader(new TarReader(tar));
    for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
      cancellation.check();
      consumer.entry(next.get(), reader::content);
    }
  }

  @Override
  public void close() {
    file.close();
  }

  /** The file in pieces, from its beginning. */
  private final class Pieces implements TarSource {
    private final ByteBuffer piece;
    private final Cancellation cancellation;
    private long position;

    Pieces(ByteBuffer piece, Cancellation cancellation) {
      this.piece = piece;
      this.cancellation = cancellation;
    }

    @Override
    public ByteBuffer next() throws LayerStoreException, ApplyCancelledException {
      cancellation.check();
      piece.clear();
      try {
        position += Unistd.pread(file, piece, position);
      } catch (ErrnoException e) {
        throw new LayerStoreException("cannot read the tar", e);
      }
      return piece.flip().asReadOnlyBuffer();
    }

    @Override
    public long skip(long length) {
      long passed = Math.min(length, sizeBytes - position);
      position += passed;
      return passed;
    }
  }
}
