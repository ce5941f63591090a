package io.gatun.server.rpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.gatun.proto.diff.ApplyRequest;
import io.gatun.proto.diff.ApplyResponse;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.diff.DiffGrpc.DiffBlockingStub;
import io.gatun.proto.types.Descriptor;
import io.gatun.proto.types.Mount;
import io.gatun.server.LogCapture;
import io.gatun.server.StandInUnpacker;
import io.gatun.server.config.Transport;
import io.gatun.server.content.CallNamespace;
import io.gatun.server.content.StandInContainerd;
import io.gatun.server.net.TestServer;
import io.gatun.snapshot.SnapshotException;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The Diff service over the socket, with stand-ins for containerd and for the unpacker. */
@Timeout(60)
public final class DiffServiceTest {

  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
  private static final String NAMESPACE = "k8s.io";

  /** More than a connection has in flight, and no multiple of any buffer. */
  private static final byte[] CONTENT = new byte[9_876_543];

  private static final String DIGEST;

  static {
    new Random(7).nextBytes(CONTENT);
    try {
      DIGEST =
          "sha256:"
              + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(CONTENT));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static final Mount MOUNT =
      Mount.newBuilder()
          .setType("overlay")
          .setSource("overlay")
          .addOptions("upperdir=/u")
          .addOptions("lowerdir=/l")
          .build();

  @TempDir Path directory;
  private TestServer server;
  private StandInContainerd containerd;

  @BeforeEach
  void start() throws Exception {
    server = new TestServer(directory, Transport.AUTO);
    containerd = new StandInContainerd(directory.resolve("containerd.sock"));
    containerd.put(NAMESPACE, DIGEST, CONTENT);
  }

  @AfterEach
  void stop() {
    server.close();
    containerd.close();
  }

  private DiffBlockingStub client(String namespace) {
    return CallNamespace.attach(namespace, DiffGrpc.newBlockingStub(server.channel()));
  }

  private static ApplyRequest request(String mediaType, String digest, long size) {
    return ApplyRequest.newBuilder()
        .setDiff(
            Descriptor.newBuilder().setMediaType(mediaType).setDigest(digest).setSize(size).build())
        .addMounts(MOUNT)
        .build();
  }

  private ApplyResponse apply() {
    return client(NAMESPACE).apply(request(LAYER, DIGEST, CONTENT.length));
  }

  private Path blobFile() throws Exception {
    Path blobs = directory.resolve("containerd/io.containerd.content.v1.content/blobs/sha256");
    Files.createDirectories(blobs);
    return blobs.resolve(DIGEST.substring("sha256:".length()));
  }

  private static void assertStatus(Status.Code code, String message, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(code);
              assertThat(e.getStatus().getDescription()).contains(message);
            });
  }

  private void assertApplied(ApplyResponse response) throws Exception {
    assertThat(response.getApplied())
        .isEqualTo(
            Descriptor.newBuilder()
                .setMediaType("application/vnd.oci.image.layer.v1.tar")
                .setDigest(DIGEST)
                .setSize(CONTENT.length)
                .build());
    StandInUnpacker.Request request = server.unpacker.requests.poll(10, TimeUnit.SECONDS);
    assertThat(request).isNotNull();
    assertThat(request.content().toByteArray()).isEqualTo(CONTENT);
    assertThat(request.mounts())
        .containsExactly(
            io.gatun.snapshot.Mount.ofRoot(
                "overlay", "overlay", List.of("upperdir=/u", "lowerdir=/l")));
    assertThat(request.syncRequested()).isFalse();
  }

  @Test
  void attributesOfOverlayThatAreLeftOutAreOneWarning() {
    server.unpacker.dropOverlayXattrs(3);
    try (LogCapture log = new LogCapture(DiffService.class)) {
      apply();
      assertThat(log.lines())
          .containsExactly("WARN overlay attributes left out layer=%s count=3".formatted(DIGEST));
      server.unpacker.dropOverlayXattrs(0);
      apply();
      assertThat(log.lines()).hasSize(1);
    }
  }

  @Test
  void blobIsReadFromItsFileAfterContainerdWasAsked() throws Exception {
    Files.write(blobFile(), CONTENT);
    assertApplied(apply());
    assertThat(containerd.infos).hasValue(1);
    assertThat(containerd.reads).hasValue(0);
  }

  @Test
  void blobWithoutAFileIsSentByContainerd() throws Exception {
    assertApplied(apply());
    assertThat(containerd.reads).hasValue(1);
  }

  @Test
  void fileOfAnotherSizeIsNotTheBlob() throws Exception {
    Files.write(blobFile(), new byte[17]);
    assertApplied(apply());
    assertThat(containerd.reads).hasValue(1);
  }

  @Test
  void linkInPlaceOfTheFileIsNotFollowed() throws Exception {
    Path elsewhere = Files.write(directory.resolve("elsewhere"), CONTENT);
    Files.createSymbolicLink(blobFile(), elsewhere);
    assertApplied(apply());
    assertThat(containerd.reads).hasValue(1);
  }

  @Test
  void syncIsPassedOn() throws Exception {
    client(NAMESPACE)
        .apply(request(LAYER, DIGEST, CONTENT.length).toBuilder().setSyncFs(true).build());
    assertThat(server.unpacker.requests.take().syncRequested()).isTrue();
  }

  @Test
  void theNextLayerOfTheImageIsThereToBeReadAhead() throws Exception {
    byte[] next = "the next layer".getBytes(UTF_8);
    String digest = "sha256:" + "1".repeat(64);
    containerd.put(NAMESPACE, digest, next);
    containerd.putManifest(NAMESPACE, "sha256:" + "2".repeat(64), DIGEST, digest);
    apply();
    assertThat(server.unpacker.requests.take().next()).contains(ByteString.copyFrom(next));
  }

  @Test
  void aNextLayerThatTheNamespaceHasNotOrNobodyKnowsIsNone() throws Exception {
    String missing = "sha256:" + "1".repeat(64);
    containerd.put("moby", missing, CONTENT);
    containerd.putManifest(NAMESPACE, "sha256:" + "2".repeat(64), DIGEST, missing);
    apply();
    assertThat(server.unpacker.requests.take().next()).isEmpty();
    containerd.put("moby", DIGEST, CONTENT);
    client("moby").apply(request(LAYER, DIGEST, CONTENT.length));
    assertThat(server.unpacker.requests.take().next()).isEmpty();
  }

  @Test
  void namespacesStayApart() throws Exception {
    Files.write(blobFile(), CONTENT);
    assertStatus(
        Status.Code.NOT_FOUND,
        "layer " + DIGEST + ": containerd has no such blob in the namespace moby",
        () -> client("moby").apply(request(LAYER, DIGEST, CONTENT.length)));
    assertThat(server.unpacker.requests).isEmpty();
  }

  @Test
  void namespaceIsThatOfTheSnapshotIfTheCallHasNone() throws Exception {
    server.unpacker.prepareFor(NAMESPACE + "/12/extract-1 sha256:01");
    assertApplied(
        DiffGrpc.newBlockingStub(server.channel()).apply(request(LAYER, DIGEST, CONTENT.length)));
    server.unpacker.prepareFor("moby/12/extract-1 sha256:01");
    assertStatus(
        Status.Code.NOT_FOUND,
        "containerd has no such blob in the namespace moby",
        () ->
            DiffGrpc.newBlockingStub(server.channel())
                .apply(request(LAYER, DIGEST, CONTENT.length)));
  }

  @Test
  void callWithoutANamespaceIsRefused() {
    server.unpacker.prepareFor("without");
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "containerd-namespace",
        () ->
            DiffGrpc.newBlockingStub(server.channel())
                .apply(request(LAYER, DIGEST, CONTENT.length)));
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "\"../k8s.io\" is not a namespace",
        () -> client("../k8s.io").apply(request(LAYER, DIGEST, CONTENT.length)));
    assertThat(containerd.infos).hasValue(0);
  }

  @Test
  void sizeThatLiesIsRefused() {
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "the blob has 9876543 bytes, but its descriptor says 9876542",
        () -> client(NAMESPACE).apply(request(LAYER, DIGEST, CONTENT.length - 1)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "sha256:",
        "sha256:../../../../../../etc/passwd",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
        "sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/..",
        "sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      })
  void digestThatIsNoneIsRefusedBeforeContainerdIsAsked(String digest) {
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "apply: not a sha256 digest",
        () -> client(NAMESPACE).apply(request(LAYER, digest, 1)));
    assertThat(containerd.infos).hasValue(0);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.tar+encrypted",
        "application/vnd.oci.image.layer.v1.tar+",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.erofs.layer.v1",
        "",
      })
  void whatIsNoPlainLayerIsLeftToOthers(String mediaType) {
    assertStatus(
        Status.Code.UNIMPLEMENTED,
        DIGEST,
        () -> client(NAMESPACE).apply(request(mediaType, DIGEST, CONTENT.length)));
    assertThat(containerd.infos).hasValue(0);
  }

  @Test
  void containerdThatIsAwayIsUnavailable() {
    containerd.close();
    assertStatus(
        Status.Code.UNAVAILABLE,
        "containerd on " + directory.resolve("containerd.sock"),
        this::apply);
  }

  @Test
  void blobThatGoesAwayHalfWayIsUnavailable() {
    containerd.breakOffAt = 5 << 20;
    assertStatus(
        Status.Code.UNAVAILABLE,
        "layer " + DIGEST + ": containerd stopped sending the blob at offset 5242880 of 9876543",
        this::apply);
  }

  @Test
  void failuresHaveTheirStatus() {
    Map<SnapshotException, Status.Code> expected =
        Map.of(
            new SnapshotException.NotFound("it"), Status.Code.NOT_FOUND,
            new SnapshotException.Unsupported("it"), Status.Code.UNIMPLEMENTED,
            new SnapshotException.FailedPrecondition("it"), Status.Code.FAILED_PRECONDITION,
            new SnapshotException.InvalidArgument("it"), Status.Code.INVALID_ARGUMENT,
            new SnapshotException.ResourceExhausted("it", null), Status.Code.RESOURCE_EXHAUSTED,
            new SnapshotException.StorageFailure("it", null), Status.Code.INTERNAL);
    expected.forEach(
        (failure, code) -> {
          server.unpacker.fail(failure);
          assertStatus(code, "it", this::apply);
        });
  }

  @Test
  void clientThatGoesAwayCancels() throws Exception {
    server.unpacker.close();
    assertStatus(
        Status.Code.DEADLINE_EXCEEDED,
        "",
        () ->
            client(NAMESPACE)
                .withDeadlineAfter(500, TimeUnit.MILLISECONDS)
                .apply(request(LAYER, DIGEST, CONTENT.length)));
    assertThat(server.unpacker.cancelled.poll(10, TimeUnit.SECONDS)).isNotNull();
  }

  @Test
  void soManyAreUnpackedAtATimeAndSoManyWait() throws Exception {
    server.unpacker.close();
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < TestServer.APPLY_THREADS; i++) {
      clients.add(Thread.ofVirtual().start(this::apply));
    }
    server.unpacker.awaitEntered(TestServer.APPLY_THREADS);
    List<StatusRuntimeException> refusals = Collections.synchronizedList(new ArrayList<>());
    for (int i = 0; i < TestServer.APPLY_QUEUE_MAX + 1; i++) {
      clients.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      apply();
                    } catch (StatusRuntimeException e) {
                      refusals.add(e);
                      server.unpacker.open();
                    }
                  }));
    }
    for (Thread each : clients) {
      each.join();
    }
    assertThat(refusals)
        .singleElement()
        .satisfies(
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED));
    assertThat(server.unpacker.requests)
        .hasSize(TestServer.APPLY_THREADS + TestServer.APPLY_QUEUE_MAX);
  }

  @Test
  void healthKnowsTheService() {
    assertThat(
            HealthGrpc.newBlockingStub(server.channel())
                .check(HealthCheckRequest.newBuilder().setService(DiffGrpc.SERVICE_NAME).build())
                .getStatus())
        .isEqualTo(ServingStatus.SERVING);
  }
}
