package io.gatun.snapshot.layer.pack;

import io.gatun.linux.NativeBuffer;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.concurrent.ChunkRing;
import io.gatun.snapshot.concurrent.Outcomes;
import io.gatun.snapshot.layer.BlobSink;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.Compressor;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
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

  private final LayerFormat format;
  private final BlobSink sink;
  private final List<NativeBuffer> memory =
      Stream.generate(() -> new NativeBuffer(CHUNK_BYTES)).limit(CHUNKS).toList();
  private final ChunkRing ring = new ChunkRing(number -> memory.get(number).buffer(), CHUNKS);
  private final ChunkRing.Reader chunks = ring.addReader();
  private final MessageDigest tarHash = Digest.sha256();
  private final MessageDigest blobHash = Digest.sha256();

  /** The chunk that the caller's thread fills. */
  private @Nullable ByteBuffer room;

  private long entries;
  private long xattrsLeftOut;
  private long blobBytes;

  private LayerPacker(LayerFormat format, BlobSink sink) {
    this.format = format;
    this.sink = sink;
  }

  /**
   * Creates a layer from the changes of a snapshot. When this returns, the sink has the whole blob;
   * when it returns or fails, no other thread uses the sink any more.
   *
   * @param snapshot the snapshot's own files and its lower layers; empty for a layer without
   *     entries
   * @throws UnsupportedLayerException if the snapshot's own files do not show its full content
   * @throws UnfitFileException if a file cannot be in a layer or changes meanwhile
   * @throws CancellationException if it was cancelled
   * @throws IOException from reading or from the sink
   */
  public static PackedLayer pack(
      Optional<LayerTarget> snapshot, LayerFormat format, BlobSink sink, Cancellation cancellation)
      throws IOException {
    LayerPacker packer = new LayerPacker(format, sink);
    try {
      return packer.run(snapshot, cancellation);
    } finally {
      packer.memory.forEach(NativeBuffer::close);
    }
  }

  private PackedLayer run(Optional<LayerTarget> snapshot, Cancellation cancellation)
      throws IOException {
    Thread passing =
        Thread.ofPlatform().daemon().name("gatun-diff").unstarted(() -> guarded(this::passOn));
    try (var _ =
        cancellation.onCancel(
            () -> stop(new CancellationException("the client no longer waits for the layer")))) {
      passing.start();
      guarded(() -> writeTar(snapshot));
      // It uses the chunks until it ends, even if this thread fails.
      Outcomes.join(passing);
    }
    Throwable failure = ring.failure();
    if (failure != null) {
      throw rethrown(failure);
    }
    Digest diffId = Digest.of(tarHash);
    return new PackedLayer(
        diffId,
        format.compression() == Compression.NONE ? diffId : Digest.of(blobHash),
        blobBytes,
        entries,
        xattrsLeftOut);
  }

  // The caller's thread.

  private void writeTar(Optional<LayerTarget> snapshot) throws IOException {
    TarWriter tar = new TarWriter(this::room);
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
    publish(room(), true);
    entries = tar.entries();
  }

  private ByteBuffer room() throws IOException {
    ByteBuffer current = room;
    if (current != null && !current.hasRemaining()) {
      publish(current, false);
      current = null;
    }
    if (current == null) {
      current = ring.room();
      room = current;
    }
    return current;
  }

  private void publish(ByteBuffer chunk, boolean isLast) {
    tarHash.update(chunk.duplicate().flip());
    ring.fill(chunk, isLast);
  }

  // The other thread.

  private void passOn() throws IOException {
    if (format.compression() == Compression.NONE) {
      for (ByteBuffer chunk = chunks.next(); chunk.hasRemaining(); chunk = chunks.next()) {
        blobBytes += chunk.remaining();
        sink.write(chunk);
      }
      return;
    }
    try (Compressor compressor = Compressor.of(format.compression());
        NativeBuffer blob = new NativeBuffer(BLOB_PIECE_BYTES)) {
      ByteBuffer piece = blob.buffer();
      for (ByteBuffer chunk = chunks.next(); chunk.hasRemaining(); chunk = chunks.next()) {
        boolean isLast = chunks.isLast();
        while (!compressor.compress(chunk, isLast, piece)) {
          passOn(piece);
        }
      }
      passOn(piece);
    }
  }

  private void passOn(ByteBuffer piece) throws IOException {
    piece.flip();
    blobBytes += piece.remaining();
    blobHash.update(piece.duplicate());
    if (piece.hasRemaining()) {
      sink.write(piece);
    }
    piece.clear();
  }

  // Both.

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
    ring.fail(cause);
    sink.abandon();
  }

  private static IOException rethrown(Throwable failure) {
    return switch (failure) {
      case IOException e -> e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> new IOException("the layer was not created", failure);
    };
  }
}
