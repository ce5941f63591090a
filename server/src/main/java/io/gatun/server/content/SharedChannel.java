package io.gatun.server.content;

import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One connection to containerd for all short questions, since to make one takes longer than the
 * answer. One that fails may be that to a containerd of before, so the question is asked once more
 * over a new one.
 */
public final class SharedChannel implements AutoCloseable {

  private static final long GOODBYE_SECONDS = 1;

  private final Supplier<ManagedChannel> connect;
  private @Nullable ManagedChannel current;
  private boolean isClosed;

  /**
   * @param connect makes a channel
   */
  public SharedChannel(Supplier<ManagedChannel> connect) {
    this.connect = connect;
  }

  /**
   * {@return the answer}
   *
   * @param question which may be asked twice
   */
  public <T> T ask(Function<Channel, T> question) {
    ManagedChannel used = current();
    try {
      return question.apply(used);
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() != Status.Code.UNAVAILABLE) {
        throw e;
      }
    }
    discard(used);
    return question.apply(current());
  }

  private synchronized ManagedChannel current() {
    if (current == null) {
      current = connect.get();
      if (isClosed) {
        current.shutdownNow();
      }
    }
    return current;
  }

  private synchronized void discard(ManagedChannel failed) {
    if (failed.equals(current)) {
      current = null;
    }
    // Other questions that are under way over it fail alike, and are asked once more alike.
    failed.shutdownNow();
  }

  /** The event loops must still be there, since they close the connection. */
  @Override
  public void close() {
    ManagedChannel last;
    synchronized (this) {
      isClosed = true;
      last = current;
    }
    if (last != null) {
      last.shutdownNow();
      try {
        var _ = last.awaitTermination(GOODBYE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
