package io.gatun.snapshot.upgrade;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.NextLayerHint;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/**
 * A root with the overlay driver, as a kill leaves it while a layer is unpacked: two committed
 * layers, an active snapshot with a complete layer, one with half a layer, and a container's.
 *
 * <p>To be run as root once for a new version, with the form of the layers, the version and {@code
 * src/test/resources/roots} as arguments. The archives of earlier versions never change.
 */
final class UnpackedRoot {

  static final String BASE = "sha256:base";
  static final String UPPER = "sha256:upper";
  static final String APPLIED = key("applied");
  static final String IN_FLIGHT = key("in-flight");
  static final String CONTAINER = "default/9/container";

  private static final int LARGE_FILES = 200;
  private static final FileTime WRITTEN = FileTime.from(Instant.parse("2026-12-01T06:00:00Z"));

  private UnpackedRoot() {}

  public static void main(String[] arguments) throws Exception {
    LayerSetting form = LayerSetting.valueOf(arguments[0]);
    Path target = Path.of(arguments[2], "v" + arguments[1]);
    try (LoopFilesystem filesystem = LoopFilesystem.mount(LoopFilesystem.Kind.EXT4)) {
      Path root = filesystem.createDirectory("unpacked-");
      try (EngineRoot engine = open(root, form)) {
        List<String> described = use(engine);
        BytesBlob half = new BytesBlob(large());
        half.waitingAt(large().length / 2);
        List<Mount> mounts = engine.snapshotter().prepare(IN_FLIGHT, UPPER, Map.of());
        CompletableFuture<Void> unpacking =
            CompletableFuture.runAsync(() -> unpack(engine, mounts, half));
        try {
          while (half.position() < large().length / 2) {
            LockSupport.parkNanos(1_000_000);
          }
          // The bytes that were read are written soon, by another thread.
          Thread.sleep(2_000);
          Files.createDirectories(target);
          pack(root, target.resolve("unpacked-" + form.configName() + ".tar.gz"));
          Files.write(target.resolve("unpacked.txt"), described);
        } finally {
          half.abandon();
          unpacking.handle((_, _) -> true).join();
        }
      }
      unmountLayers(root);
    }
  }

  private static void pack(Path root, Path archive) {
    LoopFilesystem.run(
        List.of(
            "tar",
            "--create",
            "--gzip",
            "--sort=name",
            "--format=posix",
            "--numeric-owner",
            "--one-file-system",
            "--sparse",
            "--xattrs",
            "--xattrs-include=*",
            "--file=" + archive,
            "--directory=" + root,
            "."));
  }

  static EngineRoot open(Path root, LayerSetting form) throws UnusableRootException {
    EngineSettings defaults = EngineSettings.defaults(root);
    return EngineRoot.open(
        new LinuxDisk(),
        new EngineSettings(
                root,
                DriverSetting.OVERLAY,
                defaults.overlay(),
                1,
                defaults.syncPolicy(),
                KeptRoot.METADATA)
            .withLayers(form)
            .withDirectoryPool(0),
        InstantSource.system());
  }

  /** Unmounts the layers, which outlive a daemon. */
  static void unmountLayers(Path root) throws ErrnoException {
    for (MountEntry mount : MountTable.read()) {
      if (Path.of(mount.mountPoint().toString()).startsWith(root)) {
        Mounts.umount2(mount.mountPoint(), UnmountFlag.DETACH);
      }
    }
  }

  static String key(String name) {
    return "default/1/extract-1-a sha256:" + name;
  }

  private static List<String> use(EngineRoot engine) throws IOException {
    Snapshotter snapshots = engine.snapshotter();
    unpack(engine, snapshots.prepare(key("base"), "", Map.of()), new BytesBlob(base()));
    snapshots.commit(BASE, key("base"), "", Map.of("layer", "base"));
    unpack(engine, snapshots.prepare(key("upper"), BASE, Map.of()), new BytesBlob(upper()));
    snapshots.commit(UPPER, key("upper"), "", Map.of());
    unpack(engine, snapshots.prepare(APPLIED, BASE, Map.of()), new BytesBlob(upper()));
    try (KernelMount mount = KernelMount.of(snapshots.prepare(CONTAINER, UPPER, Map.of()))) {
      Path written = Files.writeString(mount.path().resolve("etc/written"), "by a container\n");
      Files.setLastModifiedTime(written, WRITTEN);
      Files.delete(mount.path().resolve("etc/hostname"));
    }
    return describe(snapshots);
  }

  static void unpack(EngineRoot engine, List<Mount> mounts, LayerBlob blob) {
    engine.unpacker(1).find(mounts).unpack(blob, false, NextLayerHint.UNKNOWN, new Cancellation());
  }

  private static byte[] base() {
    return tar()
        .directory("etc", 0755)
        .file("etc/hostname", 0644, "gatun\n")
        .file("etc/gone", 0600, "gone in the next layer\n")
        .directory("usr", 0755)
        .file("usr/program", 04755, "#!/bin/sh\n".repeat(1_000))
        .hardLink("usr/linked", 04755, "usr/program")
        .symbolicLink("symbolic", "etc/hostname")
        .finish();
  }

  private static byte[] upper() {
    return tar()
        .whiteout("etc/gone")
        .file("etc/hostname", 0640, "changed\n")
        .file("usr/share/implied/file", 0644, "in directories without entries\n")
        .finish();
  }

  /** {@return the layer that was not complete} */
  static byte[] large() {
    TarBuilder tar = tar().directory("srv", 0755);
    for (int i = 0; i < LARGE_FILES; i++) {
      tar.file("srv/file-" + i, 0644, ("line " + i + "\n").repeat(1_000));
    }
    return tar.finish();
  }

  private static TarBuilder tar() {
    return TarBuilder.pax().owner(1_000, 1_001).modified(1_000_000_000);
  }

  /**
   * {@return the snapshots that must be there, and the files of the committed ones and of the
   * container}
   */
  static List<String> describe(Snapshotter snapshots) throws IOException {
    List<SnapshotInfo> infos = new ArrayList<>();
    snapshots.list(List.of(), infos::add);
    infos.sort(Comparator.comparing(SnapshotInfo::name));
    List<String> lines = new ArrayList<>();
    for (SnapshotInfo info : infos) {
      if (!info.name().equals(IN_FLIGHT)) {
        lines.add("%s %s on %s".formatted(info.kind().filterName(), info.name(), info.parent()));
      }
    }
    lines.addAll(view(snapshots, BASE));
    lines.addAll(view(snapshots, UPPER));
    lines.addAll(files(snapshots.mounts(CONTAINER)));
    return lines;
  }

  /** {@return the files of a committed snapshot} */
  static List<String> view(Snapshotter snapshots, String name) throws IOException {
    String look = "look at " + name;
    List<String> lines = files(snapshots.view(look, name, Map.of()));
    snapshots.remove(look);
    return lines;
  }

  private static List<String> files(List<Mount> mounts) throws IOException {
    try (KernelMount mount = KernelMount.of(mounts)) {
      return TreeManifest.of(mount.path(), Set.of());
    }
  }
}
