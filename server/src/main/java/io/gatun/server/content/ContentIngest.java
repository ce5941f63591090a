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
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A new blob on its way into containerd's content store.
 *
 * <p>containerd deletes unreferenced content, and does not tell a plugin which lease its client
 * uses. The blob therefore gets a lease of its own that expires after an hour; by then the client
 * has either referenced the blob from an image or does not need it.
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

  /** The label with the time at which a lease expires. */
  static final String EXPIRE_LABEL = "containerd.io/gc.expire";

  private static final Duration LEASE_DURATION = Duration.ofHours(1);

  /** Below containerd's limit of 16 MiB; larger messages are not faster. */
  private static final int MESSAGE_BYTES = 512 << 10;

  /** containerd reads its metadata, which it may have locked for a while. */
  private static final long CALL_SECONDS_MAX = 30;

  private final ManagedChannel channel;
  private final String namespace;
  private final String ref;
  private final String lease;
  private final ContentWriteStream replies;

  private boolean isLeased;
  private long written;

  /** Whether the ingest has become a blob. */
  private boolean isCommitted;

  /** Whether that blob has the expected content, so that the lease must stay. */
  private boolean isKept;

  /**
   * @param channel to containerd; connects with the first call, and is shut down when this is
   *     closed
   * @param ref the name of the ingest
   * @param lease the id of the lease, never used before
   */
  ContentIngest(ManagedChannel channel, String namespace, String ref, String lease) {
    this.channel = channel;
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
   * Commits the bytes as a blob. If the namespace already has a blob with this content, the lease
   * keeps that one, and labels that it lacks are added.
   *
   * @param expected the digest of the bytes
   * @throws SnapshotException.StorageFailure if containerd received other content
   */
  public void commit(Digest expected, Map<String, String> labels) {
    begin();
    Optional<String> stored =
        replies.commit(
            WriteContentRequest.newBuilder()
                .setAction(WriteAction.COMMIT)
                .setOffset(written)
                .setTotal(written)
                .putAllLabels(labels)
                .build());
    isCommitted = true;
    if (stored.isEmpty()) {
      // The blob has the lease: containerd ends the ingest and leases the blob in one transaction.
      // It would not if the expected digest had been sent beforehand.
      addLabels(expected, labels);
    } else if (!stored.get().equals(expected.text())) {
      throw new SnapshotException.StorageFailure(
          "diff: containerd stored %s instead of %s".formatted(stored.get(), expected), null);
    }
    isKept = true;
  }

  private void addLabels(Digest digest, Map<String, String> labels) {
    try {
      Info info =
          calling(ContentGrpc.newBlockingStub(channel))
              .info(InfoRequest.newBuilder().setDigest(digest.text()).build())
              .getInfo();
      Map<String, String> missing = new TreeMap<>(labels);
      missing.keySet().removeAll(info.getLabelsMap().keySet());
      if (!missing.isEmpty()) {
        FieldMask.Builder mask = FieldMask.newBuilder();
        missing.keySet().forEach(key -> mask.addPaths("labels." + key));
        var _ =
            calling(ContentGrpc.newBlockingStub(channel))
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

  /** Takes lease and ingest, unless that has been done. */
  private void begin() {
    if (replies.isBegun()) {
      return;
    }
    replies.check();
    Instant expiry = Instant.now().plus(LEASE_DURATION).truncatedTo(ChronoUnit.SECONDS);
    try {
      var _ =
          calling(LeasesGrpc.newBlockingStub(channel))
              .create(
                  CreateRequest.newBuilder()
                      .setId(lease)
                      .putLabels(EXPIRE_LABEL, expiry.toString())
                      .build());
      isLeased = true;
    } catch (StatusRuntimeException e) {
      throw ContainerdErrors.of("diff: containerd's lease in the namespace " + namespace, e);
    }
    replies.begin(
        attach(ContentGrpc.newStub(channel)).write(replies),
        WriteContentRequest.newBuilder().setAction(WriteAction.STAT).setRef(ref).build());
  }

  private <S extends AbstractStub<S>> S calling(S client) {
    return attach(client).withDeadlineAfter(CALL_SECONDS_MAX, TimeUnit.SECONDS);
  }

  private <S extends AbstractStub<S>> S attach(S client) {
    Metadata headers = new Metadata();
    headers.put(CallNamespace.HEADER, namespace);
    if (isLeased) {
      headers.put(LEASE, lease);
    }
    return client.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /**
   * Before a successful commit, removes the ingest and the lease, without which containerd collects
   * any blob. Waits until the name of the ingest is free.
   */
  @Override
  public void close() {
    replies.end();
    if (!isCommitted && replies.isTaken()) {
      attempt(
          "ingest",
          ref,
          () ->
              calling(ContentGrpc.newBlockingStub(channel))
                  .abort(AbortRequest.newBuilder().setRef(ref).build()));
    }
    if (!isKept && isLeased) {
      attempt(
          "lease",
          lease,
          () ->
              calling(LeasesGrpc.newBlockingStub(channel))
                  .delete(DeleteRequest.newBuilder().setId(lease).build()));
    }
    channel.shutdownNow();
  }

  /** containerd itself collects, after a day at most, anything that cannot be removed now. */
  private static void attempt(String what, String name, Runnable removal) {
    try {
      removal.run();
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() != Status.Code.NOT_FOUND) {
        LOG.warn("cannot remove from containerd {}=\"{}\" error=\"{}\"", what, name, e.getStatus());
      }
    }
  }
}
