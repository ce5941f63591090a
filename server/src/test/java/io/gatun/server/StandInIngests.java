package io.gatun.server;

import com.google.protobuf.Empty;
import io.gatun.proto.content.AbortRequest;
import io.gatun.proto.content.WriteAction;
import io.gatun.proto.content.WriteContentRequest;
import io.gatun.proto.content.WriteContentResponse;
import io.gatun.proto.leases.CreateRequest;
import io.gatun.proto.leases.CreateResponse;
import io.gatun.proto.leases.DeleteRequest;
import io.gatun.proto.leases.Lease;
import io.gatun.proto.leases.LeasesGrpc;
import io.gatun.server.content.StandInContainerd;
import io.gatun.snapshot.Digest;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

/** containerd's handling of ingests and leases, as a writer sees it. */
public final class StandInIngests extends LeasesGrpc.LeasesImplBase {

  /** A committed blob. */
  @SuppressWarnings("ArrayRecordComponent") // only looked at
  public record Blob(
      String namespace, String ref, String lease, byte[] content, Map<String, String> labels) {}

  public final Map<String, Lease> leases = new ConcurrentHashMap<>();
  public final Map<String, byte[]> ingests = new ConcurrentHashMap<>();
  public final Set<String> locked = ConcurrentHashMap.newKeySet();
  public final List<Blob> blobs = Collections.synchronizedList(new ArrayList<>());

  /** Writes fail with this after the given number of bytes. */
  public volatile Status failure = Status.OK;

  public volatile int failAt = Integer.MAX_VALUE;

  /** Writes beyond the given number of bytes are not answered until this is open. */
  public volatile CountDownLatch gate = new CountDownLatch(0);

  public volatile boolean isThereAlready;
  public volatile boolean isDigestWrong;

  @Override
  public void create(CreateRequest request, StreamObserver<CreateResponse> client) {
    Lease lease =
        Lease.newBuilder().setId(request.getId()).putAllLabels(request.getLabelsMap()).build();
    leases.put(StandInContainerd.NAMESPACE.get() + " " + request.getId(), lease);
    client.onNext(CreateResponse.newBuilder().setLease(lease).build());
    client.onCompleted();
  }

  @Override
  public void delete(DeleteRequest request, StreamObserver<Empty> client) {
    leases.remove(StandInContainerd.NAMESPACE.get() + " " + request.getId());
    client.onNext(Empty.getDefaultInstance());
    client.onCompleted();
  }

  public void abort(AbortRequest request, StreamObserver<Empty> client) {
    if (ingests.remove(request.getRef()) == null) {
      client.onError(Status.NOT_FOUND.asRuntimeException());
      return;
    }
    client.onNext(Empty.getDefaultInstance());
    client.onCompleted();
  }

  public StreamObserver<WriteContentRequest> write(StreamObserver<WriteContentResponse> client) {
    return new Stream(
        client,
        String.valueOf(StandInContainerd.NAMESPACE.get()),
        String.valueOf(StandInContainerd.LEASE.get()));
  }

  private final class Stream implements StreamObserver<WriteContentRequest> {
    private final StreamObserver<WriteContentResponse> client;
    private final String namespace;
    private final String lease;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private String ref = "";
    private boolean isEnded;

    Stream(StreamObserver<WriteContentResponse> client, String namespace, String lease) {
      this.client = client;
      this.namespace = namespace;
      this.lease = lease;
    }

    @Override
    public void onNext(WriteContentRequest request) {
      if (isEnded) {
        return;
      }
      if (ref.isEmpty()) {
        if (!locked.add(request.getRef())) {
          end(Status.UNAVAILABLE.withDescription("ref " + request.getRef() + " locked"));
          return;
        }
        ref = request.getRef();
      } else if (request.getOffset() != bytes.size()) {
        end(Status.OUT_OF_RANGE.withDescription("at " + bytes.size()));
        return;
      }
      bytes.writeBytes(request.getData().toByteArray());
      ingests.put(ref, bytes.toByteArray());
      if (bytes.size() >= failAt) {
        end(failure);
        return;
      }
      try {
        gate.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      WriteContentResponse.Builder answer =
          WriteContentResponse.newBuilder().setAction(request.getAction()).setOffset(bytes.size());
      if (request.getAction() == WriteAction.COMMIT) {
        commit(request, answer);
      } else {
        client.onNext(answer.build());
      }
    }

    private void commit(WriteContentRequest request, WriteContentResponse.Builder answer) {
      byte[] content = bytes.toByteArray();
      ingests.remove(ref);
      blobs.add(new Blob(namespace, ref, lease, content, request.getLabelsMap()));
      if (isThereAlready) {
        end(Status.ALREADY_EXISTS.withDescription("content"));
        return;
      }
      var sha256 = Digest.sha256();
      sha256.update(isDigestWrong ? new byte[1] : content);
      answer.setDigest(Digest.of(sha256).text());
      client.onNext(answer.build());
      // containerd answers twice.
      client.onNext(answer.build());
      isEnded = true;
      locked.remove(ref);
      client.onCompleted();
    }

    private void end(Status status) {
      isEnded = true;
      locked.remove(ref);
      client.onError(status.asRuntimeException());
    }

    @Override
    public void onError(Throwable cause) {
      locked.remove(ref);
    }

    @Override
    public void onCompleted() {
      if (!isEnded) {
        locked.remove(ref);
        client.onCompleted();
      }
    }
  }
}
