package io.gatun.snapshot.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Mounts;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.mount.IndexProbeResult.Fails;
import io.gatun.snapshot.mount.IndexProbeResult.NoRoom;
import io.gatun.snapshot.mount.IndexProbeResult.Unprotected;
import io.gatun.snapshot.mount.IndexProbeResult.Works;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.root.Shortage;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Tests whether indexed layers work on a root by using one like a container: mounts it, writes to
 * an overlay on it, and mounts a second overlay on the first, like a container in a container. Some
 * kernels count an index towards the maximum stacking depth of two; with loop devices, none does.
 */
public final class IndexProbe {

  private static final LinuxPath TRIAL = LinuxPath.of("index-trial");
  private static final LinuxPath TAR = LinuxPath.of("tar");
  private static final LinuxPath INDEX = LinuxPath.of("index");
  private static final LinuxPath LAYER = LinuxPath.of("layer");
  private static final LinuxPath LAYER_FILES = LinuxPath.of("layer/fs");
  private static final LinuxPath OVERLAY = LinuxPath.of("overlay");
  private static final LinuxPath SECOND_OVERLAY = LinuxPath.of("second-overlay");
  private static final String UPPER = "-upper";
  private static final String WORK = "-work";

  private static final int DIRECTORY_MODE = 0700;

  private final Disk disk;
  private final Path parent;
  private final SampleLayer layer;
  private final String selinuxContext;
  private final FileProtection protection;

  /**
   * @param parent absolute path of a directory on the root's filesystem, for temporary files
   * @param layer the sample to mount
   * @param selinuxContext as for {@link IndexFilesystem}
   * @param protection of its files
   */
  public IndexProbe(
      Disk disk, Path parent, SampleLayer layer, String selinuxContext, FileProtection protection) {
    this.disk = disk;
    this.parent = parent;
    this.layer = layer;
    this.selinuxContext = selinuxContext;
    this.protection = protection;
  }

  /**
   * {@return whether and how indexed layers work, or why not, or that there is no space to test
   * them}
   *
   * @throws ErrnoException if the filesystem fails in a way that says nothing about indexes
   */
  public IndexProbeResult run() throws ErrnoException {
    try (Fd above = open(Fd.CURRENT_DIRECTORY, LinuxPath.of(parent))) {
      if (Statfs.fstatfs(above).type() == FilesystemType.OVERLAY) {
        return new Fails("the root is itself on an overlay filesystem");
      }
      TreeDeletion.delete(disk, above, TRIAL);
      try {
        make(above);
        return protection == FileProtection.NONE ? run(above) : runProtected(above);
      } catch (ErrnoException e) {
        if (Shortage.isRoom(e)) {
          return new NoRoom(String.valueOf(e.getMessage()));
        }
        throw e;
      } finally {
        TreeDeletion.delete(disk, above, TRIAL);
      }
    }
  }

  private void make(Fd above) throws ErrnoException {
    disk.createDirectory(above, TRIAL, DIRECTORY_MODE);
    try (Fd trial = open(above, TRIAL)) {
      layer.write(disk, trial, TAR, INDEX);
      // Written pages in the cache would be mistaken for pages that were read.
      try (Fd tar = Fcntl.openat(trial, TAR, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
        Unistd.fdatasync(tar);
        Fcntl.fadviseDontNeed(tar, 0, 0);
      }
      disk.createDirectory(trial, LAYER, DIRECTORY_MODE);
      for (LinuxPath overlay : List.of(OVERLAY, SECOND_OVERLAY)) {
        disk.createDirectory(trial, overlay, DIRECTORY_MODE);
      }
    }
  }

  /** Protection may affect how the kernel can read the files. */
  private IndexProbeResult runProtected(Fd above) throws ErrnoException {
    IndexProbeResult unprotected = run(above);
    if (!(unprotected instanceof Works works)) {
      return unprotected;
    }
    Optional<String> obstacle = protect(above);
    return obstacle.isPresent() ? new Unprotected(works.access(), obstacle.get()) : run(above);
  }

  /** {@return why files cannot be protected as configured; empty if they can} */
  private Optional<String> protect(Fd above) throws ErrnoException {
    try (Fd trial = open(above, TRIAL)) {
      for (LinuxPath name : List.of(TAR, INDEX)) {
        try (Fd file = Fcntl.openat(trial, name, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
          protection.seal(disk, file);
          protection.hold(disk, file);
        }
      }
      return Optional.empty();
    } catch (ErrnoException e) {
      if (Shortage.isRoom(e)) {
        throw e;
      }
      return Optional.of(
          "with layer_protection = \"%s\": %s".formatted(protection.configName(), e.getMessage()));
    }
  }

  private IndexProbeResult run(Fd above) throws ErrnoException {
    List<String> obstacles = new ArrayList<>();
    for (IndexAccess access : IndexAccess.values()) {
      Optional<String> obstacle = attempt(above, access);
      if (obstacle.isEmpty()) {
        return new Works(access, reason(access, obstacles));
      }
      obstacles.add("%s: %s".formatted(nameOf(access), obstacle.get()));
    }
    String reason = String.join("; ", obstacles);
    return new Fails(
        selinuxContext.isEmpty()
            ? reason
            : "with selinux_context = \"%s\": %s".formatted(selinuxContext, reason));
  }

  private static String reason(IndexAccess access, List<String> obstacles) {
    String works = "EROFS works on this root " + nameOf(access);
    return obstacles.isEmpty() ? works : works + "; not " + String.join("; not ", obstacles);
  }

  private static String nameOf(IndexAccess access) {
    return switch (access) {
      case DIRECT -> "straight from files, with direct I/O";
      case FILE -> "straight from files";
      case LOOP -> "through loop devices";
    };
  }

  /** {@return why this access does not work; empty if it does} */
  private Optional<String> attempt(Fd above, IndexAccess access) throws ErrnoException {
    try (Fd trial = open(above, TRIAL)) {
      for (LinuxPath overlay : List.of(OVERLAY, SECOND_OVERLAY)) {
        for (String part : List.of(UPPER, WORK)) {
          LinuxPath name = LinuxPath.of(overlay + part);
          TreeDeletion.delete(disk, trial, name);
          disk.createDirectory(trial, name, DIRECTORY_MODE);
        }
      }
      return PrivateMounts.run("gatun-index-trial", () -> use(access));
    } catch (ErrnoException e) {
      if (Shortage.isRoom(e)) {
        throw e;
      }
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private Optional<String> use(IndexAccess access) throws ErrnoException {
    try (Fd trial = open(Fd.CURRENT_DIRECTORY, LinuxPath.of(parent.resolve(TRIAL.toString())))) {
      try (Fd tar = Fcntl.openat(trial, TAR, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
          Fd index = Fcntl.openat(trial, INDEX, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
          Fd mount = new IndexFilesystem(access, selinuxContext).mount(tar, index)) {
        if (!IndexVolume.mountedAt(mount).equals(Optional.of(IndexVolume.of(index)))) {
          return Optional.of("the kernel does not tell which index it has mounted");
        }
        attach(mount, trial, LAYER);
      }
      Optional<String> single = mountOverlay(trial, LAYER_FILES, OVERLAY);
      if (single.isPresent()) {
        return single;
      }
      if (access == IndexAccess.DIRECT && isCached(trial)) {
        return Optional.of("the tar is in the page cache nevertheless");
      }
      return mountOverlay(trial, OVERLAY, SECOND_OVERLAY);
    }
  }

  private static boolean isCached(Fd trial) throws ErrnoException {
    try (Fd tar = Fcntl.openat(trial, TAR, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
      return Fcntl.cachedPages(tar, 0, 0) > 0;
    }
  }

  /** Mounts an overlay and writes to the file in it. */
  private Optional<String> mountOverlay(Fd trial, LinuxPath lower, LinuxPath at)
      throws ErrnoException {
    String place = "/proc/self/fd/" + trial.number() + "/";
    try (Fd context = Mounts.fsopen("overlay")) {
      Mounts.fsconfigSetString(context, "lowerdir", place + lower);
      Mounts.fsconfigSetString(context, "upperdir", place + at + UPPER);
      Mounts.fsconfigSetString(context, "workdir", place + at + WORK);
      Mounts.fsconfigSetString(context, "xino", "on");
      Mounts.fsconfigCreate(context);
      try (Fd mount = Mounts.fsmount(context)) {
        attach(mount, trial, at);
      }
    }
    try (Fd top = open(trial, at);
        Fd file = Fcntl.openat(top, SampleLayer.FILE, OpenFlag.READ_WRITE, OpenFlag.NO_FOLLOW)) {
      ByteBuffer found = ByteBuffer.allocate(layer.content().length + 1);
      while (Unistd.read(file, found) > 0) {}
      if (!found.flip().equals(ByteBuffer.wrap(layer.content()))) {
        return Optional.of("a file of a layer does not have the layer's content");
      }
      disk.write(file, ByteBuffer.wrap(layer.content()), 0);
      // A stacked overlay has no spare inode bits for xino.
      boolean isOneDevice = Stat.statx(file).device() == Stat.statx(top).device();
      return at.equals(OVERLAY) && !isOneDevice
          ? Optional.of("an overlay shows files with another device number (xino)")
          : Optional.empty();
    }
  }

  private static void attach(Fd mount, Fd directory, LinuxPath at) throws ErrnoException {
    Mounts.moveMount(mount, directory, at);
  }

  private static Fd open(Fd above, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(above, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }
}
