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
 * One connection to containerd for all short calls, since opening one takes longer than a call. If
 * a call fails with UNAVAILABLE, containerd may have restarted, so the call is repeated once over a
 * new connection.
 */
public final class SharedChannel implements AutoCloseable {

  private static final long GOODBYE_SECONDS = 1;

  private final Supplier<ManagedChannel> connect;
  private @Nullable ManagedChannel current;
  private boolean isClosed;

  /**
   * @param connect opens a channel
   */
  public SharedChannel(Supplier<ManagedChannel> connect) {
    this.connect = connect;
  }

  /**
   * {@return the answer}
   *
   * @param question a call that may be made twice
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
    // Other calls in progress on this connection fail as well, and are repeated as well.
    failed.shutdownNow();
  }

  /** Must be called before the event loops close, since they close the connection. */
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
