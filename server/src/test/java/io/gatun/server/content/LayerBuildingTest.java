package io.gatun.server.content;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Timestamp;
import io.gatun.proto.diff.DiffGrpc;
import io.gatun.proto.diff.DiffGrpc.DiffBlockingStub;
import io.gatun.proto.diff.DiffRequest;
import io.gatun.proto.types.Descriptor;
import io.gatun.proto.types.Mount;
import io.gatun.server.StandInBuilder;
import io.gatun.server.StandInIngests;
import io.gatun.server.config.Transport;
import io.gatun.server.net.TestServer;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.Compression;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers on their way into a content store, with stand-ins for containerd and for the builder. */
@Timeout(60)
final class LayerBuildingTest {

  private static final String NAMESPACE = "k8s.io";
  private static final String UNCOMPRESSED = "containerd.io/uncompressed";

  /** More than is in flight at a time, and no multiple of any buffer. */
  private static final byte[] CONTENT = new byte[5_432_109];

  private static final Digest DIGEST;

  static {
    new Random(7).nextBytes(CONTENT);
    var sha256 = Digest.sha256();
    sha256.update(CONTENT);
    DIGEST = Digest.of(sha256);
  }

  @TempDir Path directory;
  private TestServer server;
  private StandInContainerd containerd;
  private StandInIngests ingests;

  @BeforeEach
  void start() throws Exception {
    server = new TestServer(directory, Transport.AUTO);
    server.maker.blob = CONTENT;
    containerd = new StandInContainerd(directory.resolve("containerd.sock"));
    ingests = containerd.ingests;
  }

  @AfterEach
  void stop() {
    ingests.gate.countDown();
    server.close();
    containerd.close();
  }

  private DiffBlockingStub client() {
    Metadata headers = new Metadata();
    headers.put(CallNamespace.HEADER, NAMESPACE);
    return DiffGrpc.newBlockingStub(server.channel())
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  private static DiffRequest.Builder request() {
    return DiffRequest.newBuilder()
        .addLeft(Mount.newBuilder().setType("bind").setSource("/left"))
        .addRight(Mount.newBuilder().setType("bind").setSource("/right"));
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

  private void assertNothingIsLeft() {
    assertThat(ingests.leases).isEmpty();
    assertThat(ingests.ingests).isEmpty();
    assertThat(ingests.locked).isEmpty();
  }

  @Test
  void blobIsInTheNamespaceAndInALeaseOfItsOwn() {
    Instant before = Instant.now().minusSeconds(1);
    Descriptor made = client().diff(request().setRef("mine").putLabels("a", "b").build()).getDiff();
    assertThat(made)
        .isEqualTo(
            Descriptor.newBuilder()
                .setMediaType("application/vnd.oci.image.layer.v1.tar+gzip")
                .setDigest(DIGEST.text())
                .setSize(CONTENT.length)
                .build());
    StandInIngests.Blob blob = ingests.blobs.getFirst();
    assertThat(blob.namespace()).isEqualTo(NAMESPACE);
    assertThat(blob.ref()).isEqualTo("mine");
    assertThat(blob.content()).isEqualTo(CONTENT);
    assertThat(blob.labels())
        .isEqualTo(Map.of("a", "b", UNCOMPRESSED, StandInBuilder.DIFF_ID.text()));
    assertThat(ingests.leases).containsOnlyKeys(NAMESPACE + " " + blob.lease());
    String expiry =
        ingests.leases.values().iterator().next().getLabelsOrThrow("containerd.io/gc.expire");
    assertThat(Instant.parse(expiry))
        .isBetween(before.plusSeconds(3_600), Instant.now().plusSeconds(3_600));
    assertThat(ingests.locked).isEmpty();
  }

  @Test
  void ingestHasANameOfItsOwnIfTheClientGivesNone() {
    client().diff(request().build());
    client().diff(request().build());
    assertThat(ingests.blobs).extracting(StandInIngests.Blob::ref).doesNotHaveDuplicates();
  }

  @Test
  void namespaceIsThatOfTheSnapshotIfTheCallHasNone() {
    server.maker.name = "moby/12/sha256:01";
    DiffGrpc.newBlockingStub(server.channel()).diff(request().build());
    assertThat(ingests.blobs.getFirst().namespace()).isEqualTo("moby");
  }

  @ParameterizedTest
  @CsvSource({
    "application/vnd.oci.image.layer.v1.tar, NONE",
    "application/vnd.oci.image.layer.v1.tar+gzip, GZIP",
    "application/vnd.oci.image.layer.v1.tar+zstd, ZSTD",
    "application/vnd.docker.image.rootfs.diff.tar, NONE",
    "application/vnd.docker.image.rootfs.diff.tar.gzip, GZIP",
    "application/vnd.docker.image.rootfs.diff.tar.zstd, ZSTD",
  })
  void mediaTypeSaysHowItIsCompressed(String mediaType, Compression compression) throws Exception {
    assertThat(client().diff(request().setMediaType(mediaType).build()).getDiff().getMediaType())
        .isEqualTo(mediaType);
    assertThat(server.maker.requests.take().format().compression()).isEqualTo(compression);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.tar+xz",
        "application/vnd.erofs.layer.v1",
      })
  void otherMediaTypesAreLeftToOthers(String mediaType) {
    assertStatus(
        Status.Code.UNIMPLEMENTED,
        mediaType,
        () -> client().diff(request().setMediaType(mediaType).build()));
  }

  @Test
  void latestTimeIsPassedOn() throws Exception {
    client()
        .diff(
            request()
                .setSourceDateEpoch(Timestamp.newBuilder().setSeconds(17).setNanos(5))
                .build());
    assertThat(server.maker.requests.take().format().latest())
        .isEqualTo(Optional.of(Instant.ofEpochSecond(17, 5)));
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "source_date_epoch",
        () ->
            client()
                .diff(
                    request()
                        .setSourceDateEpoch(Timestamp.newBuilder().setSeconds(Long.MAX_VALUE))
                        .build()));
  }

  @Test
  void whatIsLeftToOthersAsksNothingOfContainerd() {
    assertStatus(
        Status.Code.UNIMPLEMENTED,
        "no mounts of a snapshot of gatun",
        () -> client().diff(DiffRequest.getDefaultInstance()));
    server.maker.blob = new byte[0];
    server.maker.failure = new SnapshotException.Unsupported("it");
    containerd.close();
    assertStatus(Status.Code.UNIMPLEMENTED, "it", () -> client().diff(request().build()));
  }

  @Test
  void layerThatIsNotFinishedLeavesNothingAndFreesItsName() {
    for (RuntimeException failure :
        new RuntimeException[] {
          new SnapshotException.Unsupported("it"), new SnapshotException.FailedPrecondition("it")
        }) {
      server.maker.failure = failure;
      assertThatThrownBy(() -> client().diff(request().setRef("mine").build()))
          .isInstanceOf(StatusRuntimeException.class);
      assertNothingIsLeft();
    }
    server.maker.failure = null;
    client().diff(request().setRef("mine").build());
    assertThat(ingests.blobs).hasSize(1);
  }

  @Test
  void contentThatIsThereAlreadyIsLeasedAndGetsTheLabelsThatItLacks() {
    ingests.isThereAlready = true;
    containerd.put(NAMESPACE, DIGEST.text(), CONTENT);
    containerd.labels.put("a", "kept");
    Descriptor made =
        client().diff(request().putLabels("a", "b").putLabels("c", "d").build()).getDiff();
    assertThat(made.getDigest()).isEqualTo(DIGEST.text());
    assertThat(made.getSize()).isEqualTo(CONTENT.length);
    assertThat(containerd.labels)
        .isEqualTo(Map.of("a", "kept", "c", "d", UNCOMPRESSED, StandInBuilder.DIFF_ID.text()));
    assertThat(ingests.leases).hasSize(1);
  }

  @Test
  void contentWhoseLabelsCannotBeAddedIsNotKeptByALease() {
    ingests.isThereAlready = true;
    // Fails even to read the labels.
    assertStatus(
        Status.Code.UNAVAILABLE,
        "diff: containerd's blob " + DIGEST + ": NOT_FOUND",
        () -> client().diff(request().build()));
    assertNothingIsLeft();
    containerd.put(NAMESPACE, DIGEST.text(), CONTENT);
    containerd.updateFailure = Status.UNKNOWN.withDescription("no space left on device");
    assertStatus(
        Status.Code.RESOURCE_EXHAUSTED,
        "diff: containerd's blob " + DIGEST + ": UNKNOWN: no space left on device",
        () -> client().diff(request().build()));
    assertNothingIsLeft();
    containerd.updateFailure = Status.OK;
    client().diff(request().build());
    assertThat(containerd.labels).containsKey(UNCOMPRESSED);
    assertThat(ingests.leases).hasSize(1);
  }

  @Test
  void contentStoreThatFailsInTheMiddleIsUnavailable() {
    ingests.failAt = 2_000_000;
    ingests.failure = Status.UNKNOWN.withDescription("input/output error");
    assertStatus(
        Status.Code.UNAVAILABLE,
        "diff: containerd's ingest mine: UNKNOWN: input/output error",
        () -> client().diff(request().setRef("mine").build()));
    assertNothingIsLeft();
  }

  @Test
  void fullDiskOfContainerdIsResourceExhausted() {
    ingests.failAt = 2_000_000;
    ingests.failure = Status.UNKNOWN.withDescription("write /var/lib/x: no space left on device");
    assertStatus(
        Status.Code.RESOURCE_EXHAUSTED,
        "no space left on device",
        () -> client().diff(request().build()));
    assertNothingIsLeft();
  }

  @Test
  void ingestOfSomebodyElseIsNotTouched() {
    ingests.locked.add("theirs");
    ingests.ingests.put("theirs", new byte[3]);
    assertStatus(
        Status.Code.UNAVAILABLE,
        "ref theirs locked",
        () -> client().diff(request().setRef("theirs").build()));
    assertThat(ingests.ingests).containsOnlyKeys("theirs");
    assertThat(ingests.leases).isEmpty();
  }

  @Test
  void otherDigestThanExpectedIsAFault() {
    ingests.isDigestWrong = true;
    assertStatus(
        Status.Code.INTERNAL, "instead of " + DIGEST, () -> client().diff(request().build()));
    assertNothingIsLeft();
  }

  @Test
  void containerdThatIsAwayIsUnavailable() {
    containerd.close();
    assertStatus(
        Status.Code.UNAVAILABLE, "containerd's lease", () -> client().diff(request().build()));
  }

  @Test
  void clientThatGoesAwayLeavesNothing() throws Exception {
    ingests.gate = new CountDownLatch(1);
    assertThatThrownBy(
            () -> client().withDeadlineAfter(700, TimeUnit.MILLISECONDS).diff(request().build()))
        .isInstanceOf(StatusRuntimeException.class);
    ingests.gate.countDown();
    for (int i = 0; i < 300 && !(ingests.leases.isEmpty() && ingests.locked.isEmpty()); i++) {
      Thread.sleep(50);
    }
    assertNothingIsLeft();
    assertThat(ingests.blobs).isEmpty();
  }
}
