package io.gatun.server;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Serves one constant active snapshot of an image of three layers. */
final class FixedSnapshotter implements Snapshotter {

  static final String KEY =
      "k8s.io/42/7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069";

  private static final Instant TIME = Instant.parse("2026-11-24T06:00:00.123456789Z");

  private static final SnapshotInfo INFO =
      new SnapshotInfo(
          Kind.ACTIVE,
          KEY,
          "k8s.io/41/sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
          Map.of("containerd.io/snapshot/cri.image-ref", "registry.example/team/service:1.2.3"),
          TIME,
          TIME);

  private static final List<Mount> MOUNTS =
      List.of(
          Mount.ofRoot(
              "overlay",
              "overlay",
              List.of(
                  "workdir=/var/lib/gatun/snapshots/42/work",
                  "upperdir=/var/lib/gatun/snapshots/42/fs",
                  "lowerdir=/var/lib/gatun/snapshots/41/fs:/var/lib/gatun/snapshots/40/fs"
                      + ":/var/lib/gatun/snapshots/39/fs",
                  "index=off")));

  @Override
  public SnapshotInfo stat(String key) {
    return INFO;
  }

  @Override
  public List<Mount> mounts(String key) {
    return MOUNTS;
  }

  @Override
  public List<Mount> prepare(String key, String parent, Map<String, String> labels) {
    throw new UnsupportedOperationException();
  }

  @Override
  public List<Mount> view(String key, String parent, Map<String, String> labels) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void commit(String name, String key, String parent, Map<String, String> labels) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void remove(String key) {
    throw new UnsupportedOperationException();
  }

  @Override
  public SnapshotInfo update(String name, Map<String, String> labels, List<String> fieldPaths) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void list(List<String> filters, Consumer<SnapshotInfo> visitor) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Usage usage(String key) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void cleanup() {
    throw new UnsupportedOperationException();
  }
}
