package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.mount.MountChange;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountAttribute;
import io.gatun.linux.mount.Mounts.OpenTreeFlag;
import io.gatun.linux.mount.Mounts.Propagation;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Mounts layers with the owners mapped for a user namespace, {@code mount_setattr(2)}, for
 * containers on indexed layers.
 *
 * <pre>
 *   mapped/MAPPING/ID/    a bind mount of snapshots/ID, read-only
 * </pre>
 *
 * <p>There is one per snapshot, even if snapshots share an index: a bind mount takes no page cache
 * of its own, lowers keep names that identify their snapshot, and removing one does not affect
 * others.
 *
 * <p>They are outside {@code snapshots/}, which containerd may clone with all mounts below it. A
 * directory layer below an indexed layer is mounted there too, so that all lowers of an overlay are
 * in one place. The mount points are empty, as with {@link IndexMounts}. A reboot removes the
 * mounts; they are made again when needed.
 *
 * <p>Thread-safe, for threads of one mount namespace.
 */
public final class IdMappedMounts {

  private static final int DIRECTORY_MODE = 0700;

  private final Disk disk;
  private final Fd root;
  private final Fd snapshots;

  /**
   * @param root the root itself
   * @param snapshots the directory of all snapshot directories
   */
  public IdMappedMounts(Disk disk, Fd root, Fd snapshots) {
    this.disk = disk;
    this.root = root;
    this.snapshots = snapshots;
  }

  /** Tells whether a layer must stay mounted with a mapping. */
  @FunctionalInterface
  public interface Need {
    boolean of(LinuxPath mapping, long id);
  }

  /** {@return the name of the mapping in labels; empty if there is none or it is invalid} */
  public static Optional<LinuxPath> mapping(Map<String, String> labels) {
    try {
      return IdMappings.asked(labels).map(IdMappings::name).map(LinuxPath::of);
    } catch (SnapshotException.InvalidArgument e) {
      return Optional.empty();
    }
  }

  /**
   * Mounts all layers of a chain with the mapping in its labels. Does nothing without a mapping or
   * an indexed layer, or if all are mounted already.
   *
   * @throws SnapshotException.InvalidArgument if the mapping is invalid
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
        // The namespace first: if the kernel refuses the mapping, no directory is left behind.
        try (Fd namespace = mappings.get().openNamespace();
            Fd mapped = create(all, name)) {
          for (Lower lower : missing) {
            mount(mapped, lower, namespace);
          }
        }
      }
    }
  }

  private static List<Lower> missing(Fd all, LinuxPath mapping, List<Lower> lowers)
      throws ErrnoException {
    if (Stat.tryStatx(all, mapping, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return lowers;
    }
    List<Lower> missing = new ArrayList<>();
    try (Fd mapped = open(all, mapping)) {
      for (Lower lower : lowers) {
        if (!isLayerMounted(mapped, lower)) {
          missing.add(lower);
        }
      }
    }
    return missing;
  }

  private static boolean isLayerMounted(Fd mapped, Lower lower) throws ErrnoException {
    LinuxPath name = Root.snapshotName(lower.id());
    if (Stat.tryStatx(mapped, name, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return false;
    }
    try (Fd top = Fcntl.openat(mapped, name, OpenFlag.PATH, OpenFlag.NO_FOLLOW)) {
      return isMounted(mapped, top) && isLayer(top, lower);
    }
  }

  /** The empty mount point of an index is not a layer. */
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
              Optional.of(Propagation.PRIVATE),
              Optional.of(namespace)),
          AtFlag.EMPTY_PATH);
      create(mapped, name).close();
      Mounts.moveMount(tree, mapped, name);
    }
  }

  /**
   * Unmounts a layer from all mappings, and the directories of a mapping with its last index; does
   * nothing if it is not mounted. Processes keep files that they have open.
   *
   * @param id of the snapshot
   */
  public synchronized void unmount(long id) throws ErrnoException {
    if (Stat.tryStatx(root, Root.MAPPED, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return;
    }
    try (Fd all = open(root, Root.MAPPED)) {
      for (DirectoryEntry mapping : new DirectoryReader().all(all)) {
        // Other files are not ours.
        if (mapping.type() == NodeType.DIRECTORY) {
          unmount(all, mapping.name(), Root.snapshotName(id));
        }
      }
    }
  }

  /**
   * Unmounts all layers that need not stay mounted, like {@link #unmount}.
   *
   * @param need is called while no thread mounts or unmounts here
   */
  public synchronized void unmountUnless(Need need) throws ErrnoException {
    if (Stat.tryStatx(root, Root.MAPPED, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return;
    }
    try (Fd all = open(root, Root.MAPPED)) {
      for (DirectoryEntry mapping : new DirectoryReader().all(all)) {
        if (mapping.type() == NodeType.DIRECTORY) {
          for (LinuxPath name : unneeded(all, mapping.name(), need)) {
            unmount(all, mapping.name(), name);
          }
        }
      }
    }
  }

  private static List<LinuxPath> unneeded(Fd all, LinuxPath mapping, Need need)
      throws ErrnoException {
    try (Fd mapped = open(all, mapping)) {
      return new DirectoryReader()
          .all(mapped).stream()
              .map(DirectoryEntry::name)
              .filter(name -> !need.of(mapping, Root.snapshotId(name)))
              .toList();
    }
  }

  private void unmount(Fd all, LinuxPath mapping, LinuxPath name) throws ErrnoException {
    // The mapping was removed with its last index.
    if (Stat.tryStatx(all, mapping.resolve(name), AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return;
    }
    boolean isNeeded = false;
    try (Fd mapped = open(all, mapping)) {
      remove(mapped, name);
      List<DirectoryEntry> others = new DirectoryReader().all(mapped);
      for (DirectoryEntry other : others) {
        isNeeded |= mountsIndex(mapped, other.name());
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

  /** Directories are mounted only together with an index of the same chain. */
  private static boolean mountsIndex(Fd mapped, LinuxPath name) throws ErrnoException {
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
