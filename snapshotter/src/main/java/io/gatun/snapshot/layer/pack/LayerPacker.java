package io.gatun.snapshot.layer.pack;

import io.gatun.linux.NativeBuffer;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.BlobSink;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.LayerFormat;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.PackedLayer;
import io.gatun.snapshot.layer.codec.Compressor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Makes one layer. The caller's thread reads the files, another one compresses and hands on; chunks
 * go between them, and whoever is slow, the sink included, holds up the other. So memory is bounded
 * whatever the layer: 4 MiB of chunks, as much of names, 512 KiB of the blob, and what the
 * compressor takes.
 */
public final class LayerPacker {

  private static final int CHUNK_BYTES = 1 << 20;
  private static final int CHUNKS = 4;
  private static final int BLOB_PIECE_BYTES = 512 << 10;
  private static final long NAMES_BYTES_MAX = 4 << 20;

  private final Optional<LayerTarget> snapshot;
  private final LayerFormat format;
  private final BlobSink sink;
  private final Cancellation cancellation;
  private final ChunkExchange exchange = new ChunkExchange(CHUNK_BYTES, CHUNKS);
  private final MessageDigest tarHash = Digest.sha256();
  private final MessageDigest blobHash = Digest.sha256();
  private long blobBytes;

  private LayerPacker(
      Optional<LayerTarget> snapshot,
      LayerFormat format,
      BlobSink sink,
      Cancellation cancellation) {
    this.snapshot = snapshot;
    this.format = format;
    this.sink = sink;
    this.cancellation = cancellation;
  }

  /**
   * Makes a layer of what a snapshot changes. When this returns, the sink has had all of the blob;
   * when it returns or fails, no other thread uses the sink any more.
   *
   * @param snapshot where the snapshot's own files are and what is below them; nothing for a layer
   *     without entries
   * @throws UnsupportedTreeException if the snapshot's own files do not tell what it shows
   * @throws UnfitFileException if there is a file that no layer can hold, or that is changed
   *     meanwhile
   * @throws CancellationException if it was cancelled
   * @throws IOException what reading and the sink throw
   */
  public static PackedLayer pack(
      Optional<LayerTarget> snapshot, LayerFormat format, BlobSink sink, Cancellation cancellation)
      throws IOException {
    LayerPacker packer = new LayerPacker(snapshot, format, sink, cancellation);
    try {
      return packer.run();
    } finally {
      packer.exchange.close();
    }
  }

  private PackedLayer run() throws IOException {
    TarWriter[] tar = new TarWriter[1];
    long[] xattrsLeftOut = new long[1];
    CountDownLatch left = new CountDownLatch(1);
    try (var _ =
        cancellation.onCancel(
            () -> stop(new CancellationException("the client does not wait for the layer")))) {
      Thread.ofPlatform()
          .daemon()
          .name("gatun-diff")
          .start(
              () -> {
                guarded(this::handOn);
                left.countDown();
              });
      guarded(
          () -> {
            ChunkFeed feed = new ChunkFeed(exchange, tarHash);
            tar[0] = new TarWriter(feed);
            xattrsLeftOut[0] = write(tar[0]);
            feed.end();
          });
      awaitOther(left);
    }
    Throwable failure = exchange.failure();
    if (failure != null) {
      throw rethrown(failure);
    }
    Digest diffId = Digest.of(tarHash);
    return new PackedLayer(
        diffId,
        format.compression() == Compression.NONE ? diffId : Digest.of(blobHash),
        blobBytes,
        tar[0].entries(),
        xattrsLeftOut[0]);
  }

  private long write(TarWriter tar) throws IOException {
    long xattrsLeftOut = 0;
    if (snapshot.isPresent()) {
      ChangeWalk walk =
          new ChangeWalk(
              snapshot.get(),
              tar,
              format.latest().map(Timespec::of),
              new MemoryBudget(NAMES_BYTES_MAX));
      walk.run();
      xattrsLeftOut = walk.xattrsLeftOut();
    }
    tar.end();
    return xattrsLeftOut;
  }

  private void handOn() throws IOException {
    if (format.compression() == Compression.NONE) {
      for (ByteBuffer chunk = exchange.next(); chunk != null; chunk = exchange.next()) {
        blobBytes += chunk.remaining();
        sink.write(chunk);
      }
      return;
    }
    try (Compressor compressor = Compressor.of(format.compression());
        NativeBuffer memory = new NativeBuffer(BLOB_PIECE_BYTES)) {
      ByteBuffer piece = memory.buffer();
      for (ByteBuffer chunk = exchange.next(); chunk != null; chunk = exchange.next()) {
        boolean isLast = exchange.isLast();
        while (!compressor.compress(chunk, isLast, piece)) {
          handOn(piece);
        }
      }
      handOn(piece);
    }
  }

  private void handOn(ByteBuffer piece) throws IOException {
    piece.flip();
    blobBytes += piece.remaining();
    blobHash.update(piece.duplicate());
    if (piece.hasRemaining()) {
      sink.write(piece);
    }
    piece.clear();
  }

  /** What one of the two threads does. */
  private interface Part {
    void run() throws IOException;
  }

  /** Runs a part, whose failure is that of both. */
  @SuppressWarnings("CatchingThrowable") // it is thrown on by the caller's thread
  private void guarded(Part part) {
    try {
      part.run();
    } catch (Throwable e) {
      stop(e);
    }
  }

  private void stop(Throwable cause) {
    exchange.fail(cause);
    sink.abandon();
  }

  /** The chunks are its until it is done, whatever happens to this thread. */
  private static void awaitOther(CountDownLatch left) {
    boolean isInterrupted = false;
    while (true) {
      try {
        left.await();
        break;
      } catch (InterruptedException e) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static IOException rethrown(@Nullable Throwable failure) {
    return switch (failure) {
      case IOException e -> e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case null, default -> new IOException("the layer was not made", failure);
    };
  }
}
