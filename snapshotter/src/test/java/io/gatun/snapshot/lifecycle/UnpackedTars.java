package io.gatun.snapshot.lifecycle;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Layers of one file that a daemon has unpacked, and of which no two are the same. */
final class UnpackedTars {

  private final TestRoot root;

  /** By the id of the snapshot that they were unpacked into. */
  private final Map<Long, Digest> diffIds = new HashMap<>();

  private int kept;

  UnpackedTars(TestRoot root) {
    this.root = root;
  }

  /** {@return whether the daemon has done it, and not rather found that there is something} */
  boolean unpack(long id, List<Mount> mounts, String file, String content) {
    BytesBlob layer = new BytesBlob(TarBuilder.pax().file(file, 0644, content).finish());
    try {
      Digest diffId =
          root.unpacker()
              .find(mounts)
              .unpack(layer, false, NextLayerHint.UNKNOWN, new Cancellation())
              .diffId();
      diffIds.put(id, diffId);
      if (Files.isDirectory(layer(diffId))) {
        kept++;
      }
      return true;
    } catch (SnapshotException.Unsupported e) {
      return false;
    }
  }

  /** {@return the regular files of a committed snapshot itself, whether it is mounted or not} */
  Map<String, String> files(long id) throws IOException {
    @Nullable Digest diffId = diffIds.get(id);
    if (diffId == null || !Files.isDirectory(layer(diffId))) {
      return DirectSight.filesOf(root.files(id));
    }
    Path target = Files.createTempDirectory("gatun-index-");
    try {
      Mounts.mount(
          LinuxPath.of(index(diffId)),
          LinuxPath.of(target),
          "erofs",
          EnumSet.of(MountFlag.READ_ONLY),
          "device=" + layer(diffId).resolve("tar"));
      try {
        return DirectSight.filesOf(target.resolve("fs"));
      } finally {
        Mounts.umount2(LinuxPath.of(target), UnmountFlag.DETACH);
      }
    } finally {
      Files.delete(target);
    }
  }

  /** {@return how many of them were kept as tars} */
  int kept() {
    return kept;
  }

  /**
   * {@return whether something has that name in the trash that was one of them, or the directory of
   * a snapshot until one of them was laid out for it}
   */
  boolean isReplaced(String name) {
    int dot = name.indexOf('.');
    return dot > 0
        && diffIds.entrySet().stream()
            .flatMap(entry -> Stream.of(entry.getKey().toString(), entry.getValue().hex()))
            .anyMatch(name.substring(0, dot)::equals);
  }

  private Path layer(Digest diffId) {
    return root.path().resolve("layers").resolve(diffId.hex());
  }

  /** Of a layer that one snapshot has there is but one. */
  private Path index(Digest diffId) throws IOException {
    try (Stream<Path> files = Files.list(layer(diffId))) {
      List<Path> indexes =
          files.filter(file -> file.getFileName().toString().startsWith("index-")).toList();
      if (indexes.size() != 1) {
        throw new AssertionError("one index was expected: " + indexes);
      }
      return indexes.getFirst();
    }
  }
}
