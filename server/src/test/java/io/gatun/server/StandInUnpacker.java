package io.gatun.server;

import com.google.protobuf.ByteString;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.AppliedLayer;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerUnpacker;
import io.gatun.snapshot.layer.NextLayerHint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/** Reads blobs to their end without unpacking them. It can be blocked, and fails on request. */
public final class StandInUnpacker implements LayerUnpacker {

  /**
   * The arguments of a call, and the bytes that it read.
   *
   * @param next the content of the next layer, if known
   */
  public record Request(
      ByteString content, List<Mount> mounts, boolean syncRequested, Optional<ByteString> next) {}

  public final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();

  /** Blobs read by the warm-up. */
  final BlockingQueue<ByteString> warmUps = new LinkedBlockingQueue<>();

  public final BlockingQueue<Cancellation> cancelled = new LinkedBlockingQueue<>();
  private final Semaphore gate = new Semaphore(Integer.MAX_VALUE);
  private final Semaphore entered = new Semaphore(0);
  private volatile @Nullable RuntimeException failure;
  private volatile int overlayXattrsDropped;
  private volatile String key = "other/12/extract-1 sha256:01";

  public void close() {
    gate.drainPermits();
  }

  public void open() {
    gate.release(Integer.MAX_VALUE - gate.availablePermits());
  }

  public void fail(RuntimeException with) {
    failure = with;
  }

  /** Reports this number of dropped attributes for later layers. */
  public void dropOverlayXattrs(int count) {
    overlayXattrsDropped = count;
  }

  /** Waits until this number of requests have begun. */
  public void awaitEntered(int count) throws InterruptedException {
    entered.acquire(count);
  }

  public void prepareFor(String newKey) {
    key = newKey;
  }

  @Override
  public Target find(List<Mount> mounts) {
    return new Target() {
      @Override
      public String key() {
        return key;
      }

      @Override
      public AppliedLayer unpack(
          LayerBlob blob, boolean syncRequested, NextLayerHint next, Cancellation cancellation) {
        return StandInUnpacker.this.unpack(blob, mounts, syncRequested, next, cancellation);
      }
    };
  }

  @Override
  public void warmUp(LayerBlob blob) {
    RuntimeException planned = failure;
    if (planned != null) {
      throw planned;
    }
    try {
      warmUps.add(read(blob));
    } catch (IOException e) {
      throw new SnapshotException.Unavailable(String.valueOf(e.getMessage()), e);
    }
  }

  private AppliedLayer unpack(
      LayerBlob blob,
      List<Mount> mounts,
      boolean syncRequested,
      NextLayerHint next,
      Cancellation cancellation) {
    cancellation.onCancel(
        () -> {
          cancelled.add(cancellation);
          blob.abandon();
        });
    entered.release();
    gate.acquireUninterruptibly();
    gate.release();
    RuntimeException planned = failure;
    if (planned != null) {
      throw planned;
    }
    ByteString content;
    try {
      content = read(blob);
    } catch (IOException e) {
      throw new SnapshotException.Unavailable(String.valueOf(e.getMessage()), e);
    }
    requests.add(new Request(content, mounts, syncRequested, nextContent(next)));
    return new AppliedLayer(blob.digest(), content.size(), 1, overlayXattrsDropped, 0);
  }

  private static Optional<ByteString> nextContent(NextLayerHint next) {
    try (LayerBlob blob = next.open().orElse(null)) {
      return blob == null ? Optional.empty() : Optional.of(read(blob));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ByteString read(LayerBlob blob) throws IOException {
    ByteString.Output content = ByteString.newOutput();
    ByteBuffer piece = ByteBuffer.allocateDirect(10_000);
    while (blob.read(piece) >= 0) {
      ByteString.copyFrom(piece.flip()).writeTo(content);
      piece.clear();
    }
    return content.toByteString();
  }
}
