package io.gatun.server;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerConverter;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** Converts nothing, and notes what it was asked for. It can be told to fail, or to wait. */
public final class StandInConverter implements LayerConverter {

  /** What it was asked to convert. */
  public record Request(String name, Optional<Digest> blob) {}

  public final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
  public final BlockingQueue<Optional<Digest>> diffIds = new LinkedBlockingQueue<>();
  public final CountDownLatch cancelled = new CountDownLatch(1);
  public volatile Estimate estimate = new Estimate(false, false, List.of(), 0, 0);
  public volatile @Nullable RuntimeException failure;
  public volatile boolean isWaiting;

  @Override
  public Estimate estimate(String name, Optional<Digest> diffId) {
    diffIds.add(diffId);
    return estimate;
  }

  @Override
  public void index(String name, LayerBlob blob, Cancellation cancellation) {
    run(new Request(name, Optional.of(blob.digest())), cancellation);
  }

  @Override
  public void layOut(String name, Cancellation cancellation) {
    run(new Request(name, Optional.empty()), cancellation);
  }

  private void run(Request request, Cancellation cancellation) {
    requests.add(request);
    if (isWaiting) {
      try (var _ = cancellation.onCancel(cancelled::countDown)) {
        cancelled.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new CancellationException("cancelled by the client");
    }
    RuntimeException planned = failure;
    if (planned != null) {
      throw planned;
    }
  }
}
