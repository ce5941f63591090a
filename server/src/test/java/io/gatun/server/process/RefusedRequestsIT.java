package io.gatun.server.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.ListSnapshotsRequest;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.PrepareSnapshotRequest;
import io.gatun.proto.snapshots.RemoveSnapshotRequest;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.gatun.proto.snapshots.UpdateSnapshotRequest;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.snapshots.ViewSnapshotRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Invalid requests: each is refused with its reason, and changes nothing. */
@Timeout(120)
final class RefusedRequestsIT {

  private static final int NAME_BYTES_MAX = 32_768;
  private static final int LABEL_BYTES_MAX = 4_096;
  private static final int MESSAGE_BYTES_MAX = 320 << 10;

  /** The field of the key, or for Commit the name, in every request but Update and List. */
  private static final int KEY_FIELD = 2;

  @TempDir static Path directory;
  private static GatunProcess daemon;
  private static Client client;

  @BeforeAll
  static void start() {
    daemon = GatunProcess.serve(GatunProcess.Setup.in(directory));
    client = daemon.client();
    client.prepare("a", "");
    client.prepare("b", "");
    client.commit("base", "b");
  }

  @AfterAll
  static void stop() {
    client.close();
    daemon.close();
  }

  @Test
  void emptyKeys() {
    requestsFor("").forEach((method, request) -> assertInvalid(method, request, "is empty"));
  }

  @Test
  void keysOver32768Bytes() {
    requestsFor("k".repeat(NAME_BYTES_MAX + 1))
        .forEach((method, request) -> assertInvalid(method, request, "has 32769 bytes"));
    // Fewer characters, but more bytes.
    requestsFor("\u4E00".repeat(NAME_BYTES_MAX / 3 + 1))
        .forEach((method, request) -> assertInvalid(method, request, "has 32769 bytes"));
  }

  @Test
  void keysWithNul() {
    requestsFor("a\0b")
        .forEach((method, request) -> assertInvalid(method, request, "NUL character at 1"));
  }

  @Test
  void keysThatAreNotUtf8() {
    for (byte[] bad :
        List.of(
            new byte[] {(byte) 0xFF},
            // Half a surrogate pair, an overlong form, an incomplete character.
            new byte[] {(byte) 0xED, (byte) 0xA0, (byte) 0x80},
            new byte[] {(byte) 0xC1, (byte) 0x81},
            new byte[] {'a', (byte) 0xE4, (byte) 0xB8})) {
      for (String method : requestsFor("a").keySet()) {
        if (!method.equals("Update")) {
          assertRefused(method, field(KEY_FIELD, bad), Status.Code.INVALID_ARGUMENT, "UTF-8");
        }
      }
      assertRefused("Update", field(2, field(1, bad)), Status.Code.INVALID_ARGUMENT, "UTF-8");
      assertRefused("List", field(2, bad), Status.Code.INVALID_ARGUMENT, "UTF-8");
      // In the value of a label.
      assertRefused(
          "Prepare",
          concat(
              field(2, "c".getBytes(UTF_8)),
              field(4, concat(field(1, new byte[] {'l'}), field(2, bad)))),
          Status.Code.INVALID_ARGUMENT,
          "UTF-8");
    }
  }

  @Test
  void parentsThatAreNoNames() {
    assertInvalid(
        "Prepare",
        PrepareSnapshotRequest.newBuilder()
            .setKey("c")
            .setParent("p".repeat(NAME_BYTES_MAX + 1))
            .build(),
        "parent has 32769 bytes");
    assertInvalid(
        "View",
        ViewSnapshotRequest.newBuilder().setKey("c").setParent("base\0").build(),
        "parent has a NUL");
  }

  @Test
  void labelPairsOver4096Bytes() {
    String key = "l".repeat(96);
    String value = "v".repeat(LABEL_BYTES_MAX - 95);

    assertInvalid(
        "Prepare",
        PrepareSnapshotRequest.newBuilder().setKey("c").putLabels(key, value).build(),
        "has 4097 bytes with its value");
    assertInvalid(
        "View",
        ViewSnapshotRequest.newBuilder()
            .setKey("c")
            .setParent("base")
            .putLabels(key, value)
            .build(),
        "has 4097 bytes with its value");
    assertInvalid(
        "Commit",
        CommitSnapshotRequest.newBuilder().setName("c").setKey("a").putLabels(key, value).build(),
        "has 4097 bytes with its value");
    assertInvalid(
        "Update",
        UpdateSnapshotRequest.newBuilder()
            .setInfo(Info.newBuilder().setName("a").putLabels(key, value))
            .build(),
        "has 4097 bytes with its value");
    assertInvalid(
        "Prepare",
        PrepareSnapshotRequest.newBuilder().setKey("c").putLabels("", "value").build(),
        "empty key");
  }

  @Test
  void moreLabelsThanASnapshotCanHave() {
    PrepareSnapshotRequest.Builder request = PrepareSnapshotRequest.newBuilder().setKey("c");
    for (int i = 0; i < 70; i++) {
      request.putLabels("label " + i, "v".repeat(4_000));
    }

    assertInvalid("Prepare", request.build(), "at most 262144 are allowed");
  }

  @Test
  void masksOfWhatCannotBeChanged() {
    assertInvalid(
        "Update",
        UpdateSnapshotRequest.newBuilder()
            .setInfo(Info.newBuilder().setName("a"))
            .setUpdateMask(FieldMask.newBuilder().addPaths("kind"))
            .build(),
        "kind");
  }

  @Test
  void filtersThatDoNotParse() {
    for (String filter :
        List.of(
            "kind=",
            "kind=active",
            "==",
            "labels.\"a",
            "name==/x",
            "kind==active,",
            "a b",
            "name==\0")) {
      assertInvalid("List", ListSnapshotsRequest.newBuilder().addFilters(filter).build(), "filter");
    }
  }

  @Test
  void messagesThatAreCutOff() {
    for (String method : List.of("Prepare", "Stat", "Remove", "List", "Update", "Cleanup")) {
      assertRefused(
          method,
          new byte[] {0x12, 0x7F, 0x41},
          Status.Code.INVALID_ARGUMENT,
          "not a valid protobuf message");
      assertRefused(
          method, new byte[] {0x07}, Status.Code.INVALID_ARGUMENT, "not a valid protobuf message");
    }
  }

  @Test
  void messagesOverTheLimit() {
    for (String method : List.of("Prepare", "Stat", "Update", "Cleanup")) {
      assertRefused(
          method,
          field(KEY_FIELD, new byte[MESSAGE_BYTES_MAX]),
          Status.Code.RESOURCE_EXHAUSTED,
          "exceeds maximum size 327680");
    }
  }

  @Test
  void fieldsThatAreNotKnownAreNotMinded() {
    UnknownFieldSet.Builder later = UnknownFieldSet.newBuilder();
    for (int number = 1_000; number < 2_000; number++) {
      later.addField(
          number,
          UnknownFieldSet.Field.newBuilder()
              .addVarint(number)
              .addLengthDelimited(ByteString.copyFromUtf8("later"))
              .build());
    }

    RawCall.make(
        client.channel(),
        "Stat",
        StatSnapshotRequest.newBuilder()
            .setKey("a")
            .setUnknownFields(later.build())
            .build()
            .toByteArray());
  }

  @Test
  void methodsThatDoNotExist() {
    assertRefused("Explode", new byte[0], Status.Code.UNIMPLEMENTED, "Explode");
  }

  private static Map<String, Message> requestsFor(String key) {
    Map<String, Message> requests = new LinkedHashMap<>();
    requests.put("Prepare", PrepareSnapshotRequest.newBuilder().setKey(key).build());
    requests.put("View", ViewSnapshotRequest.newBuilder().setKey(key).setParent("base").build());
    requests.put("Mounts", MountsRequest.newBuilder().setKey(key).build());
    requests.put("Commit", CommitSnapshotRequest.newBuilder().setName(key).setKey("a").build());
    requests.put("Remove", RemoveSnapshotRequest.newBuilder().setKey(key).build());
    requests.put("Stat", StatSnapshotRequest.newBuilder().setKey(key).build());
    requests.put("Usage", UsageRequest.newBuilder().setKey(key).build());
    requests.put(
        "Update",
        UpdateSnapshotRequest.newBuilder().setInfo(Info.newBuilder().setName(key)).build());
    return requests;
  }

  private static void assertInvalid(String method, Message request, String reason) {
    assertRefused(method, request.toByteArray(), Status.Code.INVALID_ARGUMENT, reason);
  }

  private static void assertRefused(
      String method, byte[] request, Status.Code code, String reason) {
    List<Info> before = client.list();
    assertThat(before).hasSize(2);
    assertThatThrownBy(() -> RawCall.make(client.channel(), method, request))
        .as("%s %s", method, new String(request, UTF_8))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).as(e.toString()).isEqualTo(code);
              assertThat(e.getStatus().getDescription()).contains(reason);
            });
    assertThat(client.list()).isEqualTo(before);
  }

  /** {@return an encoded field with bytes} */
  private static byte[] field(int number, byte[] content) {
    return UnknownFieldSet.newBuilder()
        .addField(
            number,
            UnknownFieldSet.Field.newBuilder()
                .addLengthDelimited(ByteString.copyFrom(content))
                .build())
        .build()
        .toByteArray();
  }

  private static byte[] concat(byte[] one, byte[] other) {
    return ByteString.copyFrom(one).concat(ByteString.copyFrom(other)).toByteArray();
  }
}
