package io.gatun.server.content;

import io.gatun.proto.content.WriteAction;
import io.gatun.proto.content.WriteContentRequest;
import io.gatun.proto.content.WriteContentResponse;
import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
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

  /** containerd already has a blob of this content. */
  static final class AlreadyExistsException extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private final String what;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  private @Nullable StreamObserver<WriteContentRequest> requests;
  private int unanswered;
  private @Nullable WriteContentResponse last;
  private @Nullable StatusRuntimeException failure;
  private boolean isTaken;
  private boolean isEnded;
  private boolean isAbandoned;

  /**
   * @param what the written object, for messages
   */
  ContentWriteStream(String what) {
    this.what = what;
  }

  boolean isBegun() {
    lock.lock();
    try {
      return requests != null;
    } finally {
      lock.unlock();
    }
  }

  /** {@return whether containerd has given the ingest to this stream} */
  boolean isTaken() {
    lock.lock();
    try {
      return isTaken;
    } finally {
      lock.unlock();
    }
  }

  /** Sends the first message and waits for its answer. */
  void begin(StreamObserver<WriteContentRequest> stream, WriteContentRequest first) {
    lock.lock();
    try {
      requests = stream;
    } finally {
      lock.unlock();
    }
    send(first);
    awaitAnswers(0);
  }

  /** Sends a message, once few enough are unanswered. */
  void send(WriteContentRequest request) {
    check();
    awaitAnswers(UNANSWERED_MAX - 1);
    StreamObserver<WriteContentRequest> stream;
    lock.lock();
    try {
      unanswered++;
      stream = begun();
    } finally {
      lock.unlock();
    }
    stream.onNext(request);
  }

  /**
   * Sends the last message.
   *
   * @return the digest of the blob, from containerd
   */
  String commit(WriteContentRequest request) throws AlreadyExistsException {
    awaitAnswers(0);
    send(request);
    try {
      awaitAnswers(0);
    } catch (SnapshotException e) {
      if (isFailedWith(Status.Code.ALREADY_EXISTS)) {
        throw new AlreadyExistsException();
      }
      throw e;
    }
    lock.lock();
    try {
      WriteContentResponse answer = last;
      if (answer == null || answer.getAction() != WriteAction.COMMIT) {
        throw new SnapshotException.Unavailable(
            what + ": its commit got the answer to another action", null);
      }
      return answer.getDigest();
    } finally {
      lock.unlock();
    }
  }

  private boolean isFailedWith(Status.Code code) {
    lock.lock();
    try {
      return failure != null && failure.getStatus().getCode() == code;
    } finally {
      lock.unlock();
    }
  }

  private void awaitAnswers(int unansweredMax) {
    lock.lock();
    try {
      // No check after the last answer: a committed stream has ended by then.
      while (unanswered > unansweredMax) {
        check();
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * @throws CancellationException if the stream was abandoned
   * @throws SnapshotException if the stream has failed
   */
  void check() {
    lock.lock();
    try {
      if (isAbandoned) {
        throw new CancellationException(what + ": cancelled by the client");
      }
      if (failure != null) {
        throw ContainerdErrors.of(what, failure);
      }
      if (isEnded) {
        throw new SnapshotException.Unavailable(what + ": containerd has ended the stream", null);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Wakes the waiting thread, with a failure. */
  void abandon() {
    lock.lock();
    try {
      isAbandoned = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Ends the stream and waits until containerd has ended it too. */
  void end() {
    StreamObserver<WriteContentRequest> stream;
    lock.lock();
    try {
      stream = requests;
      if (stream == null || isEnded) {
        return;
      }
    } finally {
      lock.unlock();
    }
    stream.onCompleted();
    if (!isEndedInTime() && stream instanceof ClientCallStreamObserver<WriteContentRequest> call) {
      call.cancel("containerd does not end the stream", null);
    }
  }

  private boolean isEndedInTime() {
    lock.lock();
    try {
      long nanosLeft = TimeUnit.SECONDS.toNanos(END_SECONDS_MAX);
      while (!isEnded && nanosLeft > 0) {
        nanosLeft = changed.awaitNanos(nanosLeft);
      }
      return isEnded;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  private StreamObserver<WriteContentRequest> begun() {
    StreamObserver<WriteContentRequest> stream = requests;
    if (stream == null) {
      throw new IllegalStateException("not begun");
    }
    return stream;
  }

  // Called by the event loop, which must not block.

  @Override
  public void onNext(WriteContentResponse answer) {
    lock.lock();
    try {
      isTaken = true;
      // containerd repeats its last answer when a stream ends.
      unanswered = Math.max(0, unanswered - 1);
      last = answer;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onError(Throwable cause) {
    lock.lock();
    try {
      failure = Status.fromThrowable(cause).asRuntimeException();
      isEnded = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onCompleted() {
    lock.lock();
    try {
      isEnded = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
