package io.gatun.server.crash;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/**
 * Writes the content of an image's layer without syncing it, like an unpacker.
 *
 * <p>A layer on a parent is written in one of two ways: through an overlay mount, like containerd's
 * walking differ, or directly into the upper directory, like its overlay differ. Unmounting an
 * overlay syncs the filesystem below it; writing into the upper directory does not. Half of the
 * layers have only files and directories, which decides how they are made durable.
 */
final class LayerFiles {

  private static final int FILES_MAX = 8;
  private static final String[] NAMES = {"bin", "etc", "lib", "usr", "var"};
  private static final int[] SIZES_BYTES = {0, 1, 300, 4096, 4097, 20_000, 70_000, 250_000};
  private static final double MOUNTED_SHARE = 0.3;
  private static final double DELETING_SHARE = 0.5;
  private static final double PLAIN_SHARE = 0.5;
  private static final long BUSY_NANOS_MAX = TimeUnit.MINUTES.toNanos(5);

  private final RandomGenerator random;
  private final Path mountPoint;

  /**
   * @param mountPoint an existing directory for exclusive use
   */
  LayerFiles(RandomGenerator random, Path mountPoint) {
    this.random = random;
    this.mountPoint = mountPoint;
  }

  /** {@return the content of the snapshot after writing a layer through these mounts} */
  TreeDigest write(List<Mount> mounts) throws IOException {
    Mount mount = mounts.getFirst();
    Path own = MountedFiles.of(mounts).own();
    if (mount.type().equals("overlay") && random.nextDouble() < MOUNTED_SHARE) {
      writeMounted(mount);
    } else {
      fill(own);
    }
    return TreeDigest.of(own);
  }

  private void writeMounted(Mount mount) throws IOException {
    Mounts.mount(
        LinuxPath.of(mount.source()),
        LinuxPath.of(mountPoint),
        mount.type(),
        EnumSet.noneOf(MountFlag.class),
        String.join(",", mount.options()));
    try {
      if (random.nextDouble() < DELETING_SHARE) {
        deleteOne();
      }
      fill(mountPoint);
    } finally {
      unmount();
    }
  }

  /**
   * Unmounts. A process that another thread is starting, such as the next daemon, inherits open
   * files until it executes its program, and keeps the mount busy until then.
   */
  private void unmount() throws ErrnoException {
    long deadline = System.nanoTime() + BUSY_NANOS_MAX;
    while (true) {
      try {
        Mounts.umount2(LinuxPath.of(mountPoint), UnmountFlag.NO_FOLLOW);
        return;
      } catch (ErrnoException e) {
        if (!e.is(Errno.EBUSY) || System.nanoTime() > deadline) {
          throw e;
        }
        LockSupport.parkNanos(1_000_000);
      }
    }
  }

  private void deleteOne() throws IOException {
    List<Path> files;
    try (Stream<Path> walk = Files.walk(mountPoint)) {
      files = walk.filter(path -> !Files.isDirectory(path)).sorted().toList();
    }
    if (!files.isEmpty()) {
      Files.delete(files.get(random.nextInt(files.size())));
    }
  }

  /** Creates a few files in a directory. */
  void fill(Path top) throws IOException {
    List<Path> directories = new ArrayList<>(List.of(top));
    List<Path> files = new ArrayList<>();
    boolean isPlain = random.nextDouble() < PLAIN_SHARE;
    // Names repeat, so that layers hide and copy up each other's files.
    for (int i = 1 + random.nextInt(FILES_MAX); i > 0; i--) {
      Path parent = directories.get(random.nextInt(directories.size()));
      Path path = parent.resolve("%s%d".formatted(NAMES[random.nextInt(NAMES.length)], i));
      if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        continue;
      }
      switch (random.nextInt(10)) {
        case 0, 1 -> directories.add(Files.createDirectory(path));
        case 2 -> {
          if (!isPlain) {
            Files.createSymbolicLink(path, Path.of("no/such/target-" + random.nextInt()));
          }
        }
        case 3 -> {
          if (files.isEmpty()) {
            files.add(createFile(path));
          } else {
            Files.createLink(path, files.get(random.nextInt(files.size())));
          }
        }
        default -> files.add(createFile(path));
      }
    }
    Files.setPosixFilePermissions(
        top, PosixFilePermissions.fromString(random.nextBoolean() ? "rwxr-xr-x" : "rwxrwxr-x"));
  }

  private Path createFile(Path path) throws IOException {
    byte[] content = new byte[SIZES_BYTES[random.nextInt(SIZES_BYTES.length)]];
    random.nextBytes(content);
    return Files.write(path, content);
  }
}
