package io.gatun.server.content;

import com.google.protobuf.ByteString;
import com.google.protobuf.FieldMask;
import io.gatun.proto.content.AbortRequest;
import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.Info;
import io.gatun.proto.content.InfoRequest;
import io.gatun.proto.content.UpdateRequest;
import io.gatun.proto.content.WriteAction;
import io.gatun.proto.content.WriteContentRequest;
import io.gatun.proto.leases.CreateRequest;
import io.gatun.proto.leases.DeleteRequest;
import io.gatun.proto.leases.LeasesGrpc;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.BlobSink;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A new blob on its way into containerd's content store.
 *
 * <p>containerd deletes what nobody refers to, and does not tell a plugin by which lease its client
 * keeps things. So the blob belongs to a lease of its own, which ends by itself an hour later; by
 * then the client has made an image of it or does not want it.
 *
 * <pre>
 *   first bytes    Leases.Create -> Content.Write: STAT (takes the ingest)
 *   bytes          WRITE ... WRITE, each answered, a few ahead of the answers
 *   commit         COMMIT -> the blob, in the lease
 *   close          before a commit: the stream ended -> Content.Abort -> Leases.Delete
 * </pre>
 */
public final class ContentIngest implements BlobSink, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ContentIngest.class);

  static final Metadata.Key<String> LEASE =
      Metadata.Key.of("containerd-lease", Metadata.ASCII_STRING_MARSHALLER);

  /** Until when a lease keeps what belongs to it. */
  static final String EXPIRE_LABEL = "containerd.io/gc.expire";

  private static final Duration LEASE_DURATION = Duration.ofHours(1);

  /** containerd's limit is 16 MiB; larger ones than this make nothing faster. */
  private static final int MESSAGE_BYTES = 512 << 10;

  /** containerd looks into its metadata, which it may have locked for a while. */
  private static final long CALL_SECONDS_MAX = 30;

  private final Supplier<ManagedChannel> channels;
  private final InstantSource clock;
  private final String namespace;
  private final String ref;
  private final String lease;
  private final ContentWriteStream replies;

  private @Nullable ManagedChannel channel;
  private boolean isLeased;
  private long written;

  /** Whether there is no ingest any more, but a blob. */
  private boolean isCommitted;

  /** Whether that is the one that was wanted, for which the lease has to stay. */
  private boolean isKept;

  /**
   * @param channels makes a connection to containerd
   * @param ref the name of the ingest
   * @param lease the id of the lease, never used before
   */
  ContentIngest(
      Supplier<ManagedChannel> channels,
      InstantSource clock,
      String namespace,
      String ref,
      String lease) {
    this.channels = channels;
    this.clock = clock;
    this.namespace = namespace;
    this.ref = ref;
    this.lease = lease;
    this.replies = new ContentWriteStream("diff: containerd's ingest " + ref);
  }

  @Override
  public void write(ByteBuffer bytes) {
    begin();
    while (bytes.hasRemaining()) {
      int length = Math.min(bytes.remaining(), MESSAGE_BYTES);
      ByteString data = ByteString.copyFrom(bytes, length);
      replies.send(
          WriteContentRequest.newBuilder()
              .setAction(WriteAction.WRITE)
              .setOffset(written)
              .setData(data)
              .build());
      written += length;
    }
  }

  @Override
  public void abandon() {
    replies.abandon();
  }

  /**
   * Makes a blob of what was written. If the namespace has one of the same content already, that
   * one is kept by the lease, and gets those of the labels that it does not have.
   *
   * @param expected what was written
   * @throws SnapshotException.StorageFailure if containerd has got something else
   */
  public void commit(Digest expected, Map<String, String> labels) {
    begin();
    try {
      String digest =
          replies.commit(
              WriteContentRequest.newBuilder()
                  .setAction(WriteAction.COMMIT)
                  .setOffset(written)
                  .setTotal(written)
                  .putAllLabels(labels)
                  .build());
      isCommitted = true;
      if (!digest.equals(expected.text())) {
        throw new SnapshotException.StorageFailure(
            "diff: containerd has %s of what is %s".formatted(digest, expected), null);
      }
    } catch (ContentWriteStream.AlreadyExistsException e) {
      // With the lease: containerd ends the ingest and leases the blob in one transaction. It would
      // not if it were told beforehand what to expect.
      isCommitted = true;
      addLabels(expected, labels);
    }
    isKept = true;
  }

  private void addLabels(Digest digest, Map<String, String> labels) {
    try {
      ContentGrpc.ContentBlockingStub content = calling(ContentGrpc.newBlockingStub(connection()));
      Info info = content.info(InfoRequest.newBuilder().setDigest(digest.text()).build()).getInfo();
      Map<String, String> missing = new TreeMap<>(labels);
      missing.keySet().removeAll(info.getLabelsMap().keySet());
      if (!missing.isEmpty()) {
        FieldMask.Builder mask = FieldMask.newBuilder();
        missing.keySet().forEach(key -> mask.addPaths("labels." + key));
        var _ =
            calling(ContentGrpc.newBlockingStub(connection()))
                .update(
                    UpdateRequest.newBuilder()
                        .setInfo(Info.newBuilder().setDigest(digest.text()).putAllLabels(missing))
                        .setUpdateMask(mask)
                        .build());
      }
    } catch (StatusRuntimeException e) {
      throw ContainerdErrors.of("diff: containerd's blob %s".formatted(digest), e);
    }
  }

  /** Takes lease and ingest, if that has not been done. */
  private void begin() {
    if (replies.isBegun()) {
      return;
    }
    replies.check();
    try {
      var _ =
          calling(LeasesGrpc.newBlockingStub(connection()))
              .create(
                  CreateRequest.newBuilder()
                      .setId(lease)
                      .putLabels(
                          EXPIRE_LABEL,
                          clock
                              .instant()
                              .plus(LEASE_DURATION)
                              .truncatedTo(ChronoUnit.SECONDS)
                              .toString())
                      .build());
      isLeased = true;
    } catch (StatusRuntimeException e) {
      throw ContainerdErrors.of("diff: containerd's lease in the namespace " + namespace, e);
    }
    replies.begin(
        ContentGrpc.newStub(connection())
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers()))
            .write(replies),
        WriteContentRequest.newBuilder().setAction(WriteAction.STAT).setRef(ref).build());
  }

  private ManagedChannel connection() {
    ManagedChannel current = channel;
    if (current == null) {
      current = channels.get();
      channel = current;
    }
    return current;
  }

  private <S extends AbstractStub<S>> S calling(S stub) {
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers()))
        .withDeadlineAfter(CALL_SECONDS_MAX, TimeUnit.SECONDS);
  }

  private Metadata headers() {
    Metadata headers = new Metadata();
    headers.put(CallNamespace.HEADER, namespace);
    if (isLeased) {
      headers.put(LEASE, lease);
    }
    return headers;
  }

  /**
   * Leaves nothing behind, unless the blob was made: without the lease containerd collects any
   * other. Waits until the name of the ingest is free.
   */
  @Override
  public void close() {
    ManagedChannel current = channel;
    if (current == null) {
      return;
    }
    replies.end();
    if (!isCommitted && replies.isTaken()) {
      attempt(
          "ingest",
          ref,
          () ->
              calling(ContentGrpc.newBlockingStub(current))
                  .abort(AbortRequest.newBuilder().setRef(ref).build()));
    }
    if (!isKept && isLeased) {
      attempt(
          "lease",
          lease,
          () ->
              calling(LeasesGrpc.newBlockingStub(current))
                  .delete(DeleteRequest.newBuilder().setId(lease).build()));
    }
    current.shutdownNow();
  }

  /** containerd collects by itself what cannot be taken away now: after a day at the latest. */
  private static void attempt(String what, String name, Runnable removal) {
    try {
      removal.run();
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() != Status.Code.NOT_FOUND) {
        LOG.warn(
            "cannot be taken back from containerd {}=\"{}\" error=\"{}\"",
            what,
            name,
            e.getStatus());
      }
    }
  }
}
