package io.gatun.server.content;

import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.Info;
import io.gatun.proto.content.ListContentRequest;
import io.gatun.proto.content.ListContentResponse;
import io.gatun.snapshot.Digest;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The layers in containerd's content store, as it has noted them when it unpacked them. What a
 * label says is a hint: who relies on it has to hash the layer.
 */
public final class LayerLabels {

  /** Where containerd keeps, of a blob that is a layer, the diff id (its package labels). */
  public static final String UNCOMPRESSED_LABEL = "containerd.io/uncompressed";

  private static final long ANSWER_SECONDS_MAX = 60;

  private LayerLabels() {}

  /**
   * A layer as a registry has it.
   *
   * @param digest of the blob
   */
  public record Blob(Digest digest, long sizeBytes) {}

  /**
   * {@return a blob for each layer of a namespace, by the digest of the uncompressed layer}
   *
   * @param containerd a connection to it
   * @throws StatusRuntimeException if it does not answer
   */
  public static Map<Digest, Blob> of(Channel containerd, String namespace) {
    Metadata headers = new Metadata();
    headers.put(CallNamespace.HEADER, namespace);
    ListContentRequest request =
        ListContentRequest.newBuilder()
            .addFilters("labels.\"%s\"".formatted(UNCOMPRESSED_LABEL))
            .build();
    Iterator<ListContentResponse> answers =
        ContentGrpc.newBlockingStub(containerd)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
            .withDeadlineAfter(ANSWER_SECONDS_MAX, TimeUnit.SECONDS)
            .list(request);
    Map<Digest, Blob> found = new LinkedHashMap<>();
    while (answers.hasNext()) {
      for (Info info : answers.next().getInfoList()) {
        add(found, info);
      }
    }
    return found;
  }

  private static void add(Map<Digest, Blob> found, Info info) {
    try {
      Digest diffId = new Digest(info.getLabelsOrDefault(UNCOMPRESSED_LABEL, ""));
      found.putIfAbsent(diffId, new Blob(new Digest(info.getDigest()), info.getSize()));
    } catch (IllegalArgumentException e) {
      // Anybody may set labels; and of other digests than sha256 there are no layers here.
      return;
    }
  }
}
