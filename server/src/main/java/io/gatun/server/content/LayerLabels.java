package io.gatun.server.content;

import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.Info;
import io.gatun.proto.content.ListContentRequest;
import io.gatun.proto.content.ListContentResponse;
import io.gatun.snapshot.Digest;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The layers in containerd's content store, as containerd labelled them when it unpacked them. A
 * label is a hint: callers that rely on it must hash the layer.
 */
public final class LayerLabels {

  /** The label with the diff id on the blob of a layer (containerd's package labels). */
  public static final String UNCOMPRESSED_LABEL = "containerd.io/uncompressed";

  private static final long ANSWER_SECONDS_MAX = 60;

  private LayerLabels() {}

  /** A layer's blob in a registry. */
  public record Blob(Digest digest, long sizeBytes) {}

  /**
   * {@return a blob for each layer of a namespace, by diff id}
   *
   * @param containerd a connection to containerd
   * @throws StatusRuntimeException if containerd does not answer
   */
  public static Map<Digest, Blob> of(Channel containerd, String namespace) {
    ListContentRequest request =
        ListContentRequest.newBuilder()
            .addFilters("labels.\"%s\"".formatted(UNCOMPRESSED_LABEL))
            .build();
    Iterator<ListContentResponse> answers =
        CallNamespace.attach(namespace, ContentGrpc.newBlockingStub(containerd))
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
      // Any client may set labels; layers with digests other than sha256 are not supported.
      return;
    }
  }
}
