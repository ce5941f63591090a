package io.gatun.snapshot.layer.pack;

import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Timespec;
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
 * Creates one layer. The caller's thread reads the files, another one compresses and passes data
 * on; they exchange chunks, and the slower side, including the sink, throttles the other. Memory is
 * bounded for any layer: 4 MiB of chunks, 4 MiB of names, 512 KiB of the blob, and the compressor's
 * memory.
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
   * Creates a layer from the changes of a snapshot. When this returns, the sink has the whole blob;
   * when it returns or fails, no other thread uses the sink any more.
   *
   * @param snapshot the snapshot's own files and its lower layers; empty for a layer without
   *     entries
   * @throws UnsupportedTreeException if the snapshot's own files do not show its full content
   * @throws UnfitFileException if a file cannot be in a layer or changes meanwhile
   * @throws CancellationException if it was cancelled
   * @throws IOException from reading or from the sink
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
            () -> stop(new CancellationException("the client no longer waits for the layer")))) {
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

  /** The work of one thread. */
  private interface Part {
    void run() throws IOException;
  }

  /** Runs a part; its failure stops the other. */
  @SuppressWarnings("CatchingThrowable") // rethrown by the caller's thread
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

  /** The other thread uses the chunks until it ends, even if this thread fails. */
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
      case null, default -> new IOException("the layer was not created", failure);
    };
  }
}
