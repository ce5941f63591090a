package io.gatun.server.rpc;

import com.google.protobuf.Timestamp;
import io.gatun.proto.snapshots.Info;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import java.time.Instant;
import java.util.List;

/**
 * Conversion between domain values and messages.
 *
 * <p>An unknown kind counts as a committed snapshot, as in containerd.
 */
public final class SnapshotMessages {

  private SnapshotMessages() {}

  public static Info toMessage(SnapshotInfo info) {
    return Info.newBuilder()
        .setName(info.name())
        .setParent(info.parent())
        .setKind(toMessage(info.kind()))
        .setCreatedAt(toMessage(info.created()))
        .setUpdatedAt(toMessage(info.updated()))
        .putAllLabels(info.labels())
        .build();
  }

  public static SnapshotInfo toSnapshot(Info message) {
    return new SnapshotInfo(
        toKind(message.getKind()),
        message.getName(),
        message.getParent(),
        message.getLabelsMap(),
        toInstant(message.getCreatedAt()),
        toInstant(message.getUpdatedAt()));
  }

  static List<io.gatun.proto.types.Mount> toMessages(List<Mount> mounts) {
    return mounts.stream().map(SnapshotMessages::toMessage).toList();
  }

  public static List<Mount> toMounts(List<io.gatun.proto.types.Mount> messages) {
    return messages.stream()
        .map(
            message ->
                new Mount(
                    message.getType(),
                    message.getSource(),
                    message.getTarget(),
                    message.getOptionsList()))
        .toList();
  }

  private static io.gatun.proto.types.Mount toMessage(Mount mount) {
    return io.gatun.proto.types.Mount.newBuilder()
        .setType(mount.type())
        .setSource(mount.source())
        .setTarget(mount.target())
        .addAllOptions(mount.options())
        .build();
  }

  private static io.gatun.proto.snapshots.Kind toMessage(Kind kind) {
    return switch (kind) {
      case VIEW -> io.gatun.proto.snapshots.Kind.VIEW;
      case ACTIVE -> io.gatun.proto.snapshots.Kind.ACTIVE;
      case COMMITTED -> io.gatun.proto.snapshots.Kind.COMMITTED;
    };
  }

  private static Kind toKind(io.gatun.proto.snapshots.Kind kind) {
    return switch (kind) {
      case VIEW -> Kind.VIEW;
      case ACTIVE -> Kind.ACTIVE;
      case COMMITTED, UNKNOWN, UNRECOGNIZED -> Kind.COMMITTED;
    };
  }

  private static Timestamp toMessage(Instant instant) {
    return Timestamp.newBuilder()
        .setSeconds(instant.getEpochSecond())
        .setNanos(instant.getNano())
        .build();
  }

  private static Instant toInstant(Timestamp timestamp) {
    return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }
}
