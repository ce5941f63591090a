package io.gatun.snapshot.upgrade;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.EngineRoot;
import io.gatun.snapshot.engine.EngineSettings;
import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.UnsyncedDisk;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A small root with something of everything in it, as it is kept for each version of the layout or
 * of the metadata: once as a stop leaves it and once as a kill does, with what has to be found in
 * both.
 *
 * <p>To be run once for a new version, with the version and {@code src/test/resources/roots} as
 * arguments. What is kept is never changed.
 */
final class KeptRoot {

  static final MetadataSettings METADATA = new MetadataSettings(64, 64 << 10);

  private static final String BASE = "k8s.io/2/sha256:base";
  private static final String UPPER = "k8s.io/4/sha256:upper";
  private static final Instant EPOCH = Instant.parse("2026-11-24T06:00:00.123456789Z");
  private static final int CHANGES = 40;

  private KeptRoot() {}

  /**
   * Writes a root, and packs it.
   *
   * @param arguments the version, and the directory for the archives
   */
  public static void main(String[] arguments) throws Exception {
    Path target = Path.of(arguments[1], "v" + arguments[0]);
    Path scratch = Files.createTempDirectory("gatun-kept-root-");
    try {
      Path root = scratch.resolve("root");
      List<String> described;
      try (EngineRoot engine = open(root)) {
        use(engine.snapshotter());
        described = describe(engine.snapshotter());
        engine.snapshotter().cleanup();
        Machine.awaitQuiet();
        pack(root, target.resolve("killed.tar.gz"));
      }
      pack(root, target.resolve("stopped.tar.gz"));
      Files.write(target.resolve("holds.txt"), described);
    } finally {
      LoopFilesystem.run(List.of("rm", "-rf", "--one-file-system", "--", scratch.toString()));
    }
  }

  private static void pack(Path root, Path archive) throws IOException {
    Files.createDirectories(archive.getParent());
    LoopFilesystem.run(
        List.of(
            "tar",
            "--create",
            "--gzip",
            "--sort=name",
            "--format=posix",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--file=" + archive,
            "--directory=" + root,
            "."));
  }

  /** Opens a root with the driver that needs no privilege, at a time that goes on by seconds. */
  static EngineRoot open(Path root) throws UnusableRootException {
    EngineSettings defaults = EngineSettings.defaults(root);
    AtomicLong seconds = new AtomicLong();
    InstantSource clock = () -> EPOCH.plusSeconds(seconds.incrementAndGet());
    return EngineRoot.open(
        new UnsyncedDisk(),
        new EngineSettings(
            root, DriverSetting.NATIVE, defaults.overlay(), 1, defaults.syncPolicy(), METADATA),
        clock);
  }

  private static void use(Snapshotter snapshots) throws IOException {
    Path base = files(snapshots.prepare("k8s.io/1/extract base", "", Map.of()));
    Path etc = Files.createDirectories(base.resolve("etc"));
    age(Files.writeString(etc.resolve("hostname"), "gatun\n"));
    Path program = Files.writeString(base.resolve("program"), "#!/bin/sh\n".repeat(1_000));
    Files.createLink(base.resolve("linked"), program);
    Files.createSymbolicLink(base.resolve("symbolic"), Path.of("etc/hostname"));
    Files.createFile(base.resolve("empty"));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-x--x"));
    age(program);
    age(base.resolve("empty"));
    age(etc);
    snapshots.commit(
        BASE,
        "k8s.io/1/extract base",
        "",
        Map.of("containerd.io/snapshot.ref", "sha256:base", "b", "ü 牛"));
    snapshots.usage(BASE);
    Path upper = files(snapshots.prepare("k8s.io/3/extract upper", BASE, Map.of()));
    age(Files.writeString(upper.resolve("etc/added"), "added\n"));
    Files.delete(upper.resolve("symbolic"));
    age(upper.resolve("etc"));
    snapshots.commit(UPPER, "k8s.io/3/extract upper", "", Map.of());
    for (int i = 0; i < CHANGES; i++) {
      // So much that there are checkpoints and journals.
      snapshots.update(BASE, Map.of("c", "x".repeat(4_000 - i)), List.of("labels.c"));
    }
    Path container =
        files(snapshots.prepare("k8s.io/5/container", UPPER, Map.of("name", "container")));
    age(Files.writeString(container.resolve("written"), "by a container\n"));
    snapshots.view("k8s.io/6/view", UPPER, Map.of());
    snapshots.prepare("k8s.io/7/removed", UPPER, Map.of());
    snapshots.remove("k8s.io/7/removed");
    snapshots.update("k8s.io/5/container", Map.of("later", "1"), List.of("labels.later"));
  }

  private static void age(Path path) throws IOException {
    Files.setLastModifiedTime(path, FileTime.from(EPOCH));
  }

  private static Path files(List<Mount> mounts) {
    return Path.of(mounts.getFirst().source());
  }

  /** {@return all that can be seen of the snapshots of a root, where nothing is mounted} */
  static List<String> describe(Snapshotter snapshots) throws IOException {
    List<SnapshotInfo> infos = new ArrayList<>();
    snapshots.list(List.of(), infos::add);
    infos.sort(Comparator.comparing(SnapshotInfo::name));
    List<String> lines = new ArrayList<>();
    for (SnapshotInfo info : infos) {
      lines.add(
          "%s %s on %s created %s updated %s"
              .formatted(
                  info.kind().filterName(),
                  info.name(),
                  info.parent().isEmpty() ? "nothing" : info.parent(),
                  info.created(),
                  info.updated()));
      new TreeMap<>(info.labels()).forEach((key, value) -> lines.add("  " + key + "=" + value));
      if (info.kind() == Kind.COMMITTED) {
        // How much space files take is for a filesystem to say; that it was counted shows in fsck.
        lines.add("  inodes=" + snapshots.usage(info.name()).inodes());
        String look = "look at " + info.name();
        lines.addAll(tree(snapshots.view(look, info.name(), Map.of())));
        snapshots.remove(look);
      } else {
        lines.addAll(tree(snapshots.mounts(info.name())));
      }
    }
    return lines;
  }

  private static List<String> tree(List<Mount> mounts) {
    try {
      return TreeManifest.of(files(mounts), Set.of()).stream()
          .map(line -> "  " + line.replaceAll(" uid=\\d+ gid=\\d+", ""))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
