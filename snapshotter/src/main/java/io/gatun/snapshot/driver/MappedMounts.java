package io.gatun.snapshot.driver;

import io.gatun.linux.AtFlag;
import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FilesystemType;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountAttribute;
import io.gatun.linux.MountChange;
import io.gatun.linux.Mounts;
import io.gatun.linux.MoveMountFlag;
import io.gatun.linux.NodeType;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.OpenTreeFlag;
import io.gatun.linux.Propagation;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.linux.UnmountFlag;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.disk.Root;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Shows layers with the owners that a user namespace maps theirs to, {@code mount_setattr(2)}, for
 * containers on indexed layers.
 *
 * <pre>
 *   mapped/MAPPING/ID/    a bind mount of snapshots/ID, read-only
 * </pre>
 *
 * <p>They are outside of {@code snapshots/}, which containerd may clone with all that is mounted in
 * it; and a directory below an indexed layer is shown there, too, so that all lowers of an overlay
 * are in one place. Beneath is nothing, as with {@link IndexMounts}. The mounts are gone after a
 * restart of the machine, and are made again when they are needed.
 *
 * <p>Safe for use by several threads, of one mount namespace.
 */
public final class MappedMounts {

  private static final int DIRECTORY_MODE = 0700;

  private final Disk disk;
  private final Fd root;
  private final Fd snapshots;

  /**
   * @param root the root itself
   * @param snapshots the directory that holds one directory a snapshot
   */
  public MappedMounts(Disk disk, Fd root, Fd snapshots) {
    this.disk = disk;
    this.root = root;
    this.snapshots = snapshots;
  }

  /**
   * Shows all layers of a chain as its labels ask for; nothing if they ask for nothing, if no layer
   * is indexed, or if all are to be seen already.
   *
   * @throws io.gatun.snapshot.SnapshotException.InvalidArgument if there can be no such mapping
   * @throws ErrnoException with {@code ENOENT} if an indexed layer is not mounted
   */
  public synchronized void mount(Chain chain) throws ErrnoException {
    Optional<IdMappings> mappings = IdMappings.asked(chain.labels());
    if (mappings.isEmpty() || !chain.hasIndexedLower()) {
      return;
    }
    LinuxPath name = LinuxPath.of(mappings.get().name());
    try (Fd all = create(root, Root.MAPPED)) {
      List<Lower> missing = missing(all, name, chain.lowers());
      if (!missing.isEmpty()) {
        // In this order: for a mapping that the kernel refuses, nothing is left behind.
        try (Fd namespace = mappings.get().openNamespace();
            Fd mapped = create(all, name)) {
          for (Lower lower : missing) {
            mount(mapped, lower, namespace);
          }
        }
      }
    }
  }

  /** {@return those layers that are not shown through a mapping} */
  private static List<Lower> missing(Fd all, LinuxPath mapping, List<Lower> lowers)
      throws ErrnoException {
    if (Stat.tryStatx(all, mapping, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return lowers;
    }
    List<Lower> missing = new ArrayList<>();
    try (Fd mapped = open(all, mapping)) {
      for (Lower lower : lowers) {
        if (!isShown(mapped, lower)) {
          missing.add(lower);
        }
      }
    }
    return missing;
  }

  private static boolean isShown(Fd mapped, Lower lower) throws ErrnoException {
    LinuxPath name = Root.snapshotName(lower.id());
    if (Stat.tryStatx(mapped, name, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return false;
    }
    try (Fd top = Fcntl.openat(mapped, name, OpenFlag.PATH, OpenFlag.NO_FOLLOW)) {
      return isMounted(mapped, top) && isLayer(top, lower);
    }
  }

  /** What is under the mount point of an index is no layer. */
  private static boolean isLayer(Fd top, Lower lower) throws ErrnoException {
    return !lower.isIndexed() || Statfs.fstatfs(top).type() == FilesystemType.EROFS;
  }

  private static boolean isMounted(Fd directory, Fd top) throws ErrnoException {
    return Stat.statx(top).mountId() != Stat.statx(directory).mountId();
  }

  private void mount(Fd mapped, Lower lower, Fd namespace) throws ErrnoException {
    LinuxPath name = Root.snapshotName(lower.id());
    try (Fd tree =
        Mounts.openTree(snapshots, name, OpenTreeFlag.CLONE, OpenTreeFlag.SYMLINK_NOFOLLOW)) {
      if (!isLayer(tree, lower)) {
        throw new ErrnoException("open_tree", Errno.ENOENT, tree.path().resolve(Root.FILES));
      }
      Mounts.mountSetattr(
          tree,
          LinuxPath.EMPTY,
          new MountChange(
              Set.of(MountAttribute.READ_ONLY),
              Set.of(),
              Optional.of(Propagation.PRIVATE),
              Optional.of(namespace)),
          AtFlag.EMPTY_PATH);
      create(mapped, name).close();
      Mounts.moveMount(tree, LinuxPath.EMPTY, mapped, name, MoveMountFlag.FROM_EMPTY_PATH);
    }
  }

  /**
   * No longer shows a layer, and with the last index of a mapping nothing else through that;
   * nothing if it is not shown. Who uses files of it keeps them until he does no more.
   *
   * @param id of the snapshot
   */
  public synchronized void unmount(long id) throws ErrnoException {
    if (Stat.tryStatx(root, Root.MAPPED, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return;
    }
    try (Fd all = open(root, Root.MAPPED)) {
      for (DirectoryEntry mapping : new DirectoryReader().all(all)) {
        // What is none is not ours.
        if (mapping.type() == NodeType.DIRECTORY) {
          unmount(all, mapping.name(), Root.snapshotName(id));
        }
      }
    }
  }

  private void unmount(Fd all, LinuxPath mapping, LinuxPath name) throws ErrnoException {
    boolean isNeeded = false;
    try (Fd mapped = open(all, mapping)) {
      if (Stat.tryStatx(mapped, name, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
        return;
      }
      remove(mapped, name);
      List<DirectoryEntry> others = new DirectoryReader().all(mapped);
      for (DirectoryEntry other : others) {
        isNeeded |= showsIndex(mapped, other.name());
      }
      if (!isNeeded) {
        for (DirectoryEntry other : others) {
          remove(mapped, other.name());
        }
      }
    }
    if (!isNeeded) {
      disk.removeDirectory(all, mapping);
    }
  }

  /** Directories are shown only with an index that is in a chain with them. */
  private static boolean showsIndex(Fd mapped, LinuxPath name) throws ErrnoException {
    try (Fd top = Fcntl.openat(mapped, name, OpenFlag.PATH, OpenFlag.NO_FOLLOW)) {
      return Statfs.fstatfs(top).type() == FilesystemType.EROFS;
    }
  }

  private void remove(Fd mapped, LinuxPath name) throws ErrnoException {
    unmount(mapped, name);
    disk.removeDirectory(mapped, name);
  }

  private static void unmount(Fd mapped, LinuxPath name) throws ErrnoException {
    LinuxPath place = LinuxPath.of("/proc/self/fd/" + mapped.number()).resolve(name);
    while (true) {
      try (Fd top = Fcntl.openat(mapped, name, OpenFlag.PATH, OpenFlag.NO_FOLLOW)) {
        if (!isMounted(mapped, top)) {
          return;
        }
      }
      Mounts.umount2(place, UnmountFlag.DETACH, UnmountFlag.NO_FOLLOW);
    }
  }

  private Fd create(Fd above, LinuxPath name) throws ErrnoException {
    try {
      disk.createDirectory(above, name, DIRECTORY_MODE);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EEXIST)) {
        throw e;
      }
    }
    return open(above, name);
  }

  private static Fd open(Fd above, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(above, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }
}
