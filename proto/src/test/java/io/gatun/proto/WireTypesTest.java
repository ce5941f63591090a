package io.gatun.proto;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import io.gatun.proto.snapshots.CommitSnapshotRequest;
import io.gatun.proto.snapshots.SnapshotsGrpc;
import io.gatun.proto.snapshots.StatSnapshotRequest;
import io.grpc.MethodDescriptor;
import org.junit.jupiter.api.Test;

final class WireTypesTest {

  @Test
  void serviceHasTheTenMethodsOfContainerd() {
    assertThat(SnapshotsGrpc.getServiceDescriptor().getMethods())
        .extracting(MethodDescriptor::getFullMethodName)
        .containsExactlyInAnyOrder(
            "containerd.services.snapshots.v1.Snapshots/Prepare",
            "containerd.services.snapshots.v1.Snapshots/View",
            "containerd.services.snapshots.v1.Snapshots/Mounts",
            "containerd.services.snapshots.v1.Snapshots/Commit",
            "containerd.services.snapshots.v1.Snapshots/Remove",
            "containerd.services.snapshots.v1.Snapshots/Stat",
            "containerd.services.snapshots.v1.Snapshots/Update",
            "containerd.services.snapshots.v1.Snapshots/List",
            "containerd.services.snapshots.v1.Snapshots/Usage",
            "containerd.services.snapshots.v1.Snapshots/Cleanup");
  }

  @Test
  void parentOfCommitIsFieldFiveSinceContainerd22() {
    assertThat(CommitSnapshotRequest.getDescriptor().findFieldByNumber(5).getName())
        .isEqualTo("parent");
  }

  @Test
  void unknownFieldsAreSkipped() throws InvalidProtocolBufferException {
    UnknownFieldSet later =
        UnknownFieldSet.newBuilder()
            .addField(
                2000,
                UnknownFieldSet.Field.newBuilder()
                    .addLengthDelimited(com.google.protobuf.ByteString.copyFromUtf8("later"))
                    .build())
            .build();
    byte[] wire =
        StatSnapshotRequest.newBuilder().setKey("a").setUnknownFields(later).build().toByteArray();

    assertThat(StatSnapshotRequest.parseFrom(wire).getKey()).isEqualTo("a");
  }
}
