package io.gatun.bench;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Records like those that containerd's CRI plugin creates on a node. */
final class SampleRecords {

  /** The label by which containerd finds existing layers before a pull. */
  static final String REFERENCE_LABEL = "containerd.io/snapshot.ref";

  private static final Map<String, String> CONTAINER_LABELS =
      Map.of("containerd.io/snapshot/cri.image-ref", "registry.example/team/service:1.2.3");

  private static final Instant TIME = Instant.parse("2026-11-24T06:00:00.123456789Z");

  private static final Usage USAGE = new Usage(1_000, 40 << 20);

  private SampleRecords() {}

  /** {@return a layer of an image, above its parent if it has one} */
  static SnapshotRecord layer(long id, @Nullable SnapshotRecord parent) {
    return record(
        id,
        Kind.COMMITTED,
        "k8s.io/%d/%s".formatted(id, digest(id)),
        parent == null ? "" : parent.name(),
        parent == null ? SnapshotRecord.NO_PARENT : parent.id(),
        Map.of(REFERENCE_LABEL, digest(id)));
  }

  /** {@return a container's writable snapshot of an image} */
  static SnapshotRecord container(long id, SnapshotRecord image) {
    return record(
        id,
        Kind.ACTIVE,
        "k8s.io/%d/container-%d".formatted(id, id),
        image.name(),
        image.id(),
        CONTAINER_LABELS);
  }

  private static SnapshotRecord record(
      long id, Kind kind, String name, String parent, long parentId, Map<String, String> labels) {
    return new SnapshotRecord(
        id,
        kind,
        name,
        parent,
        parentId,
        labels,
        TIME.plusNanos(id),
        TIME.plusNanos(id),
        kind == Kind.COMMITTED ? USAGE : null,
        new LayerForm.Directory());
  }

  /** {@return a digest for the layer with an id} */
  static String digest(long id) {
    // Odd constants spread the ids, which makes digests differ from the first digit on.
    return "sha256:%016x%016x%016x%016x"
        .formatted(
            id * 0x9e3779b97f4a7c15L,
            id * 0xc2b2ae3d27d4eb4fL,
            id * 0x165667b19e3779f9L,
            id * 0x27d4eb2f165667c5L);
  }
}
