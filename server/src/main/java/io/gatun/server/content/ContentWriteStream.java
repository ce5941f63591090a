package io.gatun.server.content;

import io.gatun.proto.content.WriteAction;
import io.gatun.proto.content.WriteContentRequest;
import io.gatun.proto.content.WriteContentResponse;
import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One stream of {@code Content.Write}. containerd answers each message; only a few may be
 * unanswered at a time. Used by one thread, except that any thread may abandon it.
 */
final class ContentWriteStream implements StreamObserver<WriteContentResponse> {

  /** Enough for containerd to have the next message when it has written one. */
  private static final int UNANSWERED_MAX = 4;

  /** For containerd to notice the end of a stream and release the ingest. */
  private static final long END_SECONDS_MAX = 10;

  private final String what;

  // Used by the one thread only.
  private @Nullable StreamObserver<WriteContentRequest> requests;

  private int unanswered;
  private @Nullable WriteContentResponse last;
  private @Nullable StatusRuntimeException failure;
  private boolean isEnded;
  private boolean isAbandoned;

  /**
   * @param what the written object, for messages
   */
  ContentWriteStream(String what) {
    this.what = what;
  }

  boolean isBegun() {
    return requests != null;
  }

  /** {@return whether containerd has given the ingest to this stream} */
  synchronized boolean isTaken() {
    return last != null;
  }

  /** Sends the first message and waits for its answer. */
  void begin(StreamObserver<WriteContentRequest> stream, WriteContentRequest first) {
    requests = stream;
    send(first);
    awaitAnswers(0);
  }

  /** Sends a message, once few enough are unanswered. */
  void send(WriteContentRequest request) {
    check();
    awaitAnswers(UNANSWERED_MAX - 1);
    synchronized (this) {
      unanswered++;
    }
    Objects.requireNonNull(requests).onNext(request);
  }

  /**
   * Sends the last message.
   *
   * @return the digest of the blob, from containerd; empty if it had a blob of this content before
   */
  Optional<String> commit(WriteContentRequest request) {
    awaitAnswers(0);
    send(request);
    return committed();
  }

  private synchronized Optional<String> committed() {
    try {
      awaitAnswers(0);
    } catch (SnapshotException e) {
      if (failure != null && failure.getStatus().getCode() == Status.Code.ALREADY_EXISTS) {
        return Optional.empty();
      }
      throw e;
    }
    WriteContentResponse answer = last;
    if (answer == null || answer.getAction() != WriteAction.COMMIT) {
      throw new SnapshotException.Unavailable(
          what + ": its commit got the answer to another action", null);
    }
    return Optional.of(answer.getDigest());
  }

  private synchronized void awaitAnswers(int unansweredMax) {
    // No check after the last answer: a committed stream has ended by then.
    while (unanswered > unansweredMax) {
      check();
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancellationException(what + ": gatun is stopping");
      }
    }
  }

  /**
   * @throws CancellationException if the stream was abandoned
   * @throws SnapshotException if the stream has failed
   */
  synchronized void check() {
    if (isAbandoned) {
      throw new CancellationException(what + ": cancelled by the client");
    }
    if (failure != null) {
      throw ContainerdErrors.of(what, failure);
    }
    if (isEnded) {
      throw new SnapshotException.Unavailable(what + ": containerd has ended the stream", null);
    }
  }

  /** Wakes the waiting thread, with a failure. */
  synchronized void abandon() {
    isAbandoned = true;
    notifyAll();
  }

  /** Ends the stream and waits until containerd has ended it too. */
  void end() {
    StreamObserver<WriteContentRequest> stream = requests;
    if (stream == null || isEndedWithin(0)) {
      return;
    }
    stream.onCompleted();
    if (!isEndedWithin(END_SECONDS_MAX)
        && stream instanceof ClientCallStreamObserver<WriteContentRequest> call) {
      call.cancel("containerd does not end the stream", null);
    }
  }

  private synchronized boolean isEndedWithin(long seconds) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    try {
      for (long left = end - System.nanoTime();
          !isEnded && left > 0;
          left = end - System.nanoTime()) {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return isEnded;
  }

  // Called by the event loop, which must not block.

  @Override
  public synchronized void onNext(WriteContentResponse answer) {
    // containerd repeats its last answer when a stream ends.
    unanswered = Math.max(0, unanswered - 1);
    last = answer;
    notifyAll();
  }

  @Override
  public synchronized void onError(Throwable cause) {
    failure = Status.fromThrowable(cause).asRuntimeException();
    isEnded = true;
    notifyAll();
  }

  @Override
  public synchronized void onCompleted() {
    isEnded = true;
    notifyAll();
  }
}
