package io.gatun.server.content;

import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.ContentGrpc.ContentBlockingStub;
import io.gatun.proto.content.Info;
import io.gatun.proto.content.InfoRequest;
import io.gatun.proto.content.ListContentRequest;
import io.gatun.server.net.EventLoops;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.LayerBlob;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * containerd's content store. Asks containerd, over its socket, whether a namespace has a blob;
 * then reads the blob's file if that is in its usual place, and otherwise has containerd send the
 * bytes.
 *
 * <p>Each blob that containerd sends uses a connection of its own, so that a slow reader delays no
 * other.
 */
public final class ContentStore implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ContentStore.class);

  /** containerd reads its metadata, which it may have locked for a while. */
  private static final long INFO_SECONDS_MAX = 30;

  private final Path address;
  private final ContentFiles files;
  private final EventLoops loops;
  private final SharedChannel questions;
  private final LayerOrder images;

  /**
   * @param address the unix socket of containerd
   * @param files the files of containerd's blobs
   */
  public ContentStore(Path address, ContentFiles files, EventLoops loops) {
    this.address = address;
    this.files = files;
    this.loops = loops;
    this.questions = new SharedChannel(() -> loops.channel(address));
    this.images = new LayerOrder(this::list);
  }

  /**
   * Opens a blob; the caller closes it.
   *
   * @param namespace the namespace that must have the blob
   * @param sizeBytes the size in the descriptor
   * @throws SnapshotException.NotFound if the namespace has no such blob
   * @throws SnapshotException.InvalidArgument if its size differs, or the namespace is invalid
   * @throws SnapshotException.Unavailable if containerd does not answer
   */
  public LayerBlob open(String namespace, Digest digest, long sizeBytes) {
    requireSize(digest, sizeBytes, size(namespace, digest));
    return opened(namespace, digest, sizeBytes);
  }

  /**
   * Opens the blob of the next layer of an image; the caller closes it.
   *
   * @param namespace the namespace that must have the blob
   * @return empty if there is no such blob, or containerd does not answer
   */
  public Optional<LayerBlob> openNext(String namespace, Digest layer) {
    try {
      return images
          .after(namespace, layer)
          .map(next -> opened(namespace, next, size(namespace, next)));
    } catch (StatusRuntimeException | SnapshotException e) {
      // Not an error: the client has not requested this layer yet.
      LOG.debug("next layer unknown layer={} error=\"{}\"", layer, e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * {@return a new blob, which the caller closes} containerd learns of it with its first bytes.
   *
   * @param namespace the namespace of the blob
   * @param ref the name of its ingest; empty for any name
   */
  public ContentIngest ingest(String namespace, String ref) {
    String unique =
        "gatun-diff-" + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    return new ContentIngest(
        loops.channel(address), namespace, ref.isEmpty() ? unique : ref, unique);
  }

  private LayerBlob opened(String namespace, Digest digest, long sizeBytes) {
    return files
        .open(digest, OptionalLong.of(sizeBytes))
        .orElseGet(() -> new RemoteBlob(loops.channel(address), namespace, digest, sizeBytes));
  }

  private static ContentBlockingStub content(Channel channel, String namespace) {
    return CallNamespace.attach(namespace, ContentGrpc.newBlockingStub(channel));
  }

  private long size(String namespace, Digest digest) {
    InfoRequest request = InfoRequest.newBuilder().setDigest(digest.text()).build();
    try {
      return questions.ask(
          channel ->
              content(channel, namespace)
                  .withDeadlineAfter(INFO_SECONDS_MAX, TimeUnit.SECONDS)
                  .info(request)
                  .getInfo()
                  .getSize());
    } catch (StatusRuntimeException e) {
      throw refusal(namespace, digest, e);
    }
  }

  private List<Info> list(String namespace, String filter) {
    ListContentRequest request = ListContentRequest.newBuilder().addFilters(filter).build();
    return questions.ask(
        channel -> {
          List<Info> found = new ArrayList<>();
          content(channel, namespace)
              .withDeadlineAfter(INFO_SECONDS_MAX, TimeUnit.SECONDS)
              .list(request)
              .forEachRemaining(answer -> found.addAll(answer.getInfoList()));
          return found;
        });
  }

  private SnapshotException refusal(
      String namespace, Digest digest, StatusRuntimeException failure) {
    Status status = failure.getStatus();
    return switch (status.getCode()) {
      case NOT_FOUND ->
          new SnapshotException.NotFound(
              "apply: layer %s: containerd has no such blob in the namespace %s"
                  .formatted(digest, namespace));
      case INVALID_ARGUMENT, FAILED_PRECONDITION ->
          new SnapshotException.InvalidArgument(
              "apply: layer %s: containerd refuses the namespace %s: %s"
                  .formatted(digest, namespace, status.getDescription()));
      default ->
          new SnapshotException.Unavailable(
              ("apply: layer %s: containerd on %s cannot tell whether it has the blob: %s: %s (is containerd_address"
                      + " right?)")
                  .formatted(digest, address, status.getCode(), status.getDescription()),
              failure);
    };
  }

  private static void requireSize(Digest digest, long said, long actual) {
    if (said != actual) {
      throw new SnapshotException.InvalidArgument(
          "apply: layer %s: the blob has %d bytes, but its descriptor says %d"
              .formatted(digest, actual, said));
    }
  }

  /** Open blobs stay open. */
  @Override
  public void close() {
    questions.close();
  }
}
