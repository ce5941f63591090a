package io.gatun.snapshot.layer.read;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.mount.Sched;
import io.gatun.linux.mount.Sched.SchedulingPolicy;
import io.gatun.snapshot.concurrent.ChunkRing;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.ApplyCancelledException;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.BlobDecoder;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.FileSink;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One apply. The caller's thread starts alone, since most layers are small, and most of the small
 * ones fit into the first chunk. For larger layers, other threads read and hash the blob,
 * decompress it, hash the output, and fill files if the consumer supports that.
 */
final class LayerRun {

  private static final Logger log = LoggerFactory.getLogger(LayerRun.class);

  /** How much is decompressed before other threads are started. */
  private static final int FIRST_BYTES = 256 << 10;

  /** The work of one thread. */
  private interface Part {
    void run() throws IOException;
  }

  private final LayerBlob blob;
  private final LayerConsumer consumer;
  private final TarSink sink;
  private final BlobDecoder decoder;
  private final BufferHash tarHash;
  private final BlobInput input;
  private final ChunkRing ring;
  private final ChunkRing.Reader toHash;
  private final ChunkRing.Reader toRead;
  private final LayerReader reader;
  private final @Nullable FileWriteQueue files;

  private long readBytes;
  private long sizeBytes;
  private long entries;

  LayerRun(
      LayerBlob blob, LayerConsumer consumer, TarSink sink, ApplyBuffers buffers, int chunksMax) {
    this.blob = blob;
    this.consumer = consumer;
    this.sink = sink;
    this.decoder = buffers.decoder();
    this.tarHash = buffers.tarHash();
    this.input = new BlobInput(blob, buffers);
    this.ring = new ChunkRing(buffers::chunk, chunksMax);
    this.toHash = ring.addReader();
    this.toRead = ring.addReader();
    this.reader = new LayerReader(new TarReader(this::nextOfTar));
    this.files = consumer instanceof FileSink fileSink ? new FileWriteQueue(fileSink, ring) : null;
  }

  AppliedLayer run(Executor threads, Cancellation cancellation) throws IOException {
    tarHash.reset();
    decoder.start(input);
    try (var _ = cancellation.onCancel(() -> stop(new ApplyCancelledException()))) {
      guarded(() -> decodeAndRead(threads));
    }
    Throwable failure = ring.failure();
    if (failure != null) {
      throw rethrown(failure);
    }
    return new AppliedLayer(
        tarHash.finish(),
        sizeBytes,
        entries,
        reader.overlayXattrsDropped(),
        reader.trustedXattrsDropped());
  }

  private void decodeAndRead(Executor threads) throws IOException {
    if (decodeChunk(FIRST_BYTES)) {
      hash();
      read(consumer);
      return;
    }
    input.expectPieces();
    List<CompletableFuture<Void>> helpers = new ArrayList<>();
    // Threads that are ahead should not preempt the one that all wait for, usually the decoder.
    guarded(
        () -> {
          helpers.add(start(threads, input::fetch, SchedulingPolicy.BATCH));
          helpers.add(start(threads, this::decodeRest, SchedulingPolicy.NORMAL));
          helpers.add(start(threads, this::hash, SchedulingPolicy.BATCH));
          if (files == null) {
            read(consumer);
          } else {
            helpers.add(start(threads, files::fill, SchedulingPolicy.NORMAL));
            read(files);
            files.finish();
          }
        });
    // They use the buffers until they end, even if this thread fails.
    helpers.forEach(CompletableFuture::join);
    if (files != null) {
      files.close();
    }
  }

  private CompletableFuture<Void> start(Executor threads, Part part, SchedulingPolicy policy) {
    return CompletableFuture.runAsync(
        () -> {
          adopt(policy);
          guarded(part);
        },
        threads);
  }

  /** Best effort: a system call filter may refuse it. */
  private static void adopt(SchedulingPolicy policy) {
    try {
      Sched.setPolicy(policy);
    } catch (ErrnoException e) {
      log.debug("cannot set the scheduling policy of a thread: {}", e.getMessage());
    }
  }

  /** Runs a part; its failure stops all others. */
  private void guarded(Part part) {
    try {
      part.run();
    } catch (Throwable e) {
      stop(e);
    }
  }

  private void stop(Throwable cause) {
    ring.fail(cause);
    input.fail(cause);
    if (files != null) {
      files.wake();
    }
    blob.abandon();
  }

  // The parts.

  private void decodeRest() throws IOException {
    while (!decodeChunk(Integer.MAX_VALUE)) {}
  }

  private boolean decodeChunk(int mostBytes) throws IOException {
    ByteBuffer chunk = ring.room();
    chunk.limit(Math.min(chunk.capacity(), mostBytes));
    decoder.decode(chunk);
    boolean isLast = chunk.hasRemaining();
    sizeBytes += chunk.position();
    ring.fill(chunk, isLast);
    return isLast;
  }

  private void hash() throws IOException {
    for (ByteBuffer chunk = toHash.next(); chunk.hasRemaining(); chunk = toHash.next()) {
      tarHash.update(chunk);
    }
  }

  private void read(LayerConsumer to) throws IOException {
    for (Optional<LayerEntry> entry = next(); entry.isPresent(); entry = next()) {
      entries++;
      to.entry(entry.get(), this::content);
    }
    // Data after the tar counts for the diff id, so it must be read as well.
    while (nextOfTar().hasRemaining()) {}
  }

  private ByteBuffer nextOfTar() throws IOException {
    if (files != null) {
      files.passTo(readBytes);
    }
    ByteBuffer part = toRead.next();
    readBytes += part.remaining();
    if (part.hasRemaining()) {
      sink.write(part.duplicate());
    }
    return part;
  }

  private Optional<LayerEntry> next() throws IOException {
    ring.check();
    return reader.next();
  }

  private ByteBuffer content() throws IOException {
    ring.check();
    return reader.content();
  }

  /** {@return or throws the failure of a part, with the position in the layer} */
  private IOException rethrown(Throwable failure) {
    return switch (failure) {
      case InvalidLayerException e ->
          new InvalidLayerException(
              "layer %s: %s (%s)".formatted(blob.digest(), e.getMessage(), place()), e);
      // These messages are complete.
      case ApplyCancelledException e -> e;
      case UnsupportedLayerException e -> e;
      case ApplyFailedException e -> e;
      case IOException e -> new ApplyFailedException(e, place());
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> new IOException("layer " + blob.digest(), failure);
    };
  }

  private String place() {
    return entries == 0 ? "at its first entry" : "read as far as " + reader.description();
  }
}
