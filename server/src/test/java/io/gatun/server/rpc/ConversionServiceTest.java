package io.gatun.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.conversion.ConversionGrpc;
import io.gatun.proto.conversion.ConversionGrpc.ConversionBlockingStub;
import io.gatun.proto.conversion.EstimateRequest;
import io.gatun.proto.conversion.EstimateResponse;
import io.gatun.proto.conversion.IndexRequest;
import io.gatun.proto.conversion.LayOutRequest;
import io.gatun.server.StandInConverter;
import io.gatun.server.config.Transport;
import io.gatun.server.content.StandInContainerd;
import io.gatun.server.net.TestServer;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.LayerConverter;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Conversions over the socket, with stand-ins for containerd and for what converts. */
@Timeout(60)
final class ConversionServiceTest {

  private static final byte[] CONTENT = "a layer".getBytes(StandardCharsets.UTF_8);
  private static final Digest BLOB = digest(CONTENT);
  private static final String NAME = "k8s.io/7/sha256:" + "0".repeat(64);

  @TempDir Path directory;
  private TestServer server;
  private StandInContainerd containerd;

  private static Digest digest(byte[] content) {
    MessageDigest sha256 = Digest.sha256();
    sha256.update(content);
    return Digest.of(sha256);
  }

  @BeforeEach
  void start() throws Exception {
    server = new TestServer(directory, Transport.AUTO);
    containerd = new StandInContainerd(directory.resolve("containerd.sock"));
    containerd.put("k8s.io", BLOB.text(), CONTENT);
  }

  @AfterEach
  void stop() {
    server.close();
    containerd.close();
  }

  private ConversionBlockingStub client() {
    return ConversionGrpc.newBlockingStub(server.channel());
  }

  private static IndexRequest index(String name) {
    return IndexRequest.newBuilder()
        .setName(name)
        .setBlobDigest(BLOB.text())
        .setBlobSizeBytes(CONTENT.length)
        .build();
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

  @Test
  void layerIsConvertedByTheBlobInTheNamespaceOfItsSnapshot() {
    var _ = client().index(index(NAME));
    assertThat(server.converter.requests)
        .containsExactly(new StandInConverter.Request(NAME, Optional.of(BLOB)));
    assertStatus(
        Status.Code.NOT_FOUND,
        "containerd has no such blob in the namespace other",
        () -> client().index(index("other/7/sha256:" + "0".repeat(64))));
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "the name begins with no namespace",
        () -> client().index(index("name")));
    assertThat(server.converter.requests).hasSize(1);
  }

  @Test
  void layerIsConvertedBackWithoutABlob() {
    var _ = client().layOut(LayOutRequest.newBuilder().setName(NAME).build());
    assertThat(server.converter.requests)
        .containsExactly(new StandInConverter.Request(NAME, Optional.empty()));
    assertThat(containerd.infos).hasValue(0);
  }

  @Test
  void estimateIsAnswered() {
    server.converter.estimate = new LayerConverter.Estimate(true, true, List.of("container"), 5, 7);
    EstimateResponse answer =
        client()
            .estimate(EstimateRequest.newBuilder().setName(NAME).setDiffId(BLOB.text()).build());
    assertThat(answer.getIndexed()).isTrue();
    assertThat(answer.getEmpty()).isTrue();
    assertThat(answer.getUsersList()).containsExactly("container");
    assertThat(answer.getNeededBytes()).isEqualTo(5);
    assertThat(answer.getAvailableBytes()).isEqualTo(7);
    var _ = client().estimate(EstimateRequest.newBuilder().setName(NAME).build());
    assertThat(server.converter.diffIds).containsExactly(Optional.of(BLOB), Optional.empty());
    assertStatus(
        Status.Code.INVALID_ARGUMENT,
        "not a sha256 digest",
        () -> client().estimate(EstimateRequest.newBuilder().setDiffId("x").build()));
  }

  @Test
  void failureOfAConversionIsToldByItsStatus() {
    server.converter.failure = new SnapshotException.Unsupported("convert: not this one");
    assertStatus(Status.Code.UNIMPLEMENTED, "not this one", () -> client().index(index(NAME)));
  }

  @Test
  void conversionEndsWithTheClientThatWaitsForIt() throws Exception {
    server.converter.isWaiting = true;
    assertStatus(
        Status.Code.DEADLINE_EXCEEDED,
        "",
        () -> client().withDeadlineAfter(1, TimeUnit.SECONDS).index(index(NAME)));
    assertThat(server.converter.cancelled.await(30, TimeUnit.SECONDS)).isTrue();
  }
}
