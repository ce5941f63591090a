package io.gatun.snapshot.driver;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FilesystemType;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.MountChange;
import io.gatun.linux.MountEntry;
import io.gatun.linux.MountTable;
import io.gatun.linux.Mounts;
import io.gatun.linux.MoveMountFlag;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.OpenTreeFlag;
import io.gatun.linux.Propagation;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.linux.Unistd;
import io.gatun.linux.UnmountFlag;
import io.gatun.snapshot.disk.Root;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Shows indexed layers: the index is mounted at {@code snapshots/<id>}, and has the files of the
 * layer under {@code fs}. Nothing of that name is beneath, so an overlay on a layer that is not
 * mounted is refused instead of showing an empty one.
 *
 * <p>An index is one filesystem, however many snapshots have it: all but the first are bind mounts.
 * So its files are in memory once.
 *
 * <p>What is mounted is the kernel's to know. Nothing depends on this object having mounted it: a
 * daemon finds what one before it has left, and what somebody else takes away is mounted again.
 * Mounts of others at the same place are covered, never taken for ours, and go with ours.
 *
 * <p>A file of a layer that was replaced is not seen before all snapshots that show it were
 * unmounted.
 *
 * <p>Safe for use by several threads, of one mount namespace.
 */
public final class IndexMounts {

  private static final String TYPE = "erofs";

  private final Fd snapshots;
  private final LinuxPath path;
  private volatile IndexFilesystem filesystem;
  private final MappedMounts mapped;

  /** Where each index may be found; who looks there makes sure. */
  private final Map<IndexVolume, Set<Long>> places = new HashMap<>();

  /** What is done at one place is done one at a time, and takes as long as a disk may. */
  private final KeyedLock<Long> locks = new KeyedLock<>();

  /** For those who are about to mount the same index, of whom the first makes the filesystem. */
  private final KeyedLock<IndexVolume> volumeLocks = new KeyedLock<>();

  /**
   * Finds what is mounted.
   *
   * @param snapshots the directory that holds one directory a snapshot
   * @param filesystem how an index is mounted; where the kernel wants devices instead of files, it
   *     is given some
   * @param mapped where layers may be shown once more
   */
  public IndexMounts(Fd snapshots, IndexFilesystem filesystem, MappedMounts mapped)
      throws ErrnoException {
    this.snapshots = snapshots;
    this.path = Unistd.readlinkat(Fd.CURRENT_DIRECTORY, placeOf(snapshots));
    this.filesystem = filesystem;
    this.mapped = mapped;
    for (long id : mounted()) {
      try (Fd top = open(id)) {
        IndexVolume.mountedAt(top).ifPresent(volume -> add(volume, id));
      }
    }
  }

  /** Has layers that are not mounted yet mounted in this way, as a trial has shown to work. */
  public void mountBy(IndexAccess access) {
    filesystem = new IndexFilesystem(access, filesystem.selinuxContext());
  }

  /**
   * Shows a layer; nothing if it is to be seen already.
   *
   * @param id of the snapshot, whose directory is there
   * @param tar of the layer, open for reading
   * @param index of the tar, open for reading
   */
  public void mount(long id, Fd tar, Fd index) throws ErrnoException {
    IndexVolume volume = IndexVolume.of(index);
    try (var _ = locks.hold(id)) {
      if (!isSeen(id, volume)) {
        try (var _ = volumeLocks.hold(volume)) {
          attach(id, volume, tar, index);
          add(volume, id);
        }
      } else {
        add(volume, id);
      }
    }
  }

  private boolean isSeen(long id, IndexVolume volume) throws ErrnoException {
    try (Fd top = open(id)) {
      return IndexVolume.mountedAt(top).equals(Optional.of(volume));
    }
  }

  private void attach(long id, IndexVolume volume, Fd tar, Fd index) throws ErrnoException {
    Optional<Fd> copy = copyOf(volume);
    try (Fd mount = copy.isPresent() ? copy.get() : mount(tar, index)) {
      // Of its own, so that what somebody mounts in one of them is not seen in the others.
      Mounts.mountSetattr(
          mount, LinuxPath.EMPTY, MountChange.propagating(Propagation.PRIVATE), AtFlag.EMPTY_PATH);
      Mounts.moveMount(
          mount, LinuxPath.EMPTY, snapshots, Root.snapshotName(id), MoveMountFlag.FROM_EMPTY_PATH);
    }
  }

  /**
   * {@return a mount of an index, attached nowhere} What was mounted one way before may have to be
   * mounted the other way now, without anybody having tried: on an older kernel, or where a full
   * filesystem leaves no room for a trial.
   */
  private Fd mount(Fd tar, Fd index) throws ErrnoException {
    IndexFilesystem chosen = filesystem;
    try {
      return chosen.mount(tar, index);
    } catch (ErrnoException e) {
      if (chosen.access() != IndexAccess.LOOP && e.is(Errno.ENOTBLK)) {
        return new IndexFilesystem(IndexAccess.LOOP, chosen.selinuxContext()).mount(tar, index);
      }
      throw e;
    }
  }

  /** {@return a bind mount of an index that is mounted, attached nowhere} */
  private Optional<Fd> copyOf(IndexVolume volume) throws ErrnoException {
    for (long id : placesOf(volume)) {
      Optional<Fd> copy = tryCopy(id, volume);
      if (copy.isPresent()) {
        return copy;
      }
      remove(volume, id);
    }
    return Optional.empty();
  }

  private Optional<Fd> tryCopy(long id, IndexVolume volume) throws ErrnoException {
    Fd copy;
    try {
      copy =
          Mounts.openTree(
              snapshots, Root.snapshotName(id), OpenTreeFlag.CLONE, OpenTreeFlag.SYMLINK_NOFOLLOW);
    } catch (ErrnoException e) {
      // Its directory is gone, or what is there may not be bound: then it is none of ours.
      return Optional.empty();
    }
    boolean isWanted = false;
    try {
      isWanted = IndexVolume.mountedAt(copy).equals(Optional.of(volume));
      return isWanted ? Optional.of(copy) : Optional.empty();
    } finally {
      if (!isWanted) {
        copy.close();
      }
    }
  }

  private synchronized Set<Long> placesOf(IndexVolume volume) {
    return Set.copyOf(places.getOrDefault(volume, Set.of()));
  }

  private synchronized void add(IndexVolume volume, long id) {
    places.computeIfAbsent(volume, _ -> new HashSet<>()).add(id);
  }

  private synchronized void remove(IndexVolume volume, long id) {
    places.computeIfPresent(
        volume,
        (_, ids) -> {
          ids.remove(id);
          return ids.isEmpty() ? null : ids;
        });
  }

  private synchronized void removeAll(long id) {
    places.values().forEach(ids -> ids.remove(id));
    places.values().removeIf(Set::isEmpty);
  }

  /**
   * {@return whether a layer is mounted, be it seen or covered by a mount of somebody else}
   *
   * @param id of a snapshot whose directory is there
   */
  public boolean isMounted(long id) throws ErrnoException {
    try (Fd top = open(id)) {
      if (Stat.statx(top).mountId() == Stat.statx(snapshots).mountId()) {
        return false;
      }
      return Statfs.fstatfs(top).type() == FilesystemType.EROFS || mounted().contains(id);
    }
  }

  /** {@return the filesystem that is seen at the place of a layer, as {@code stat(2)} tells it} */
  public long device(long id) throws ErrnoException {
    try (Fd top = open(id)) {
      return Stat.statx(top).device();
    }
  }

  /** {@return the ids of all snapshots whose layers are mounted} */
  public Set<Long> mounted() throws ErrnoException {
    Set<Long> ids = new HashSet<>();
    for (MountEntry mount : MountTable.read()) {
      if (mount.type().equals(TYPE)) {
        idOf(mount.mountPoint()).ifPresent(ids::add);
      }
    }
    return ids;
  }

  private Optional<Long> idOf(LinuxPath mountPoint) {
    String text = mountPoint.toString();
    int slash = text.lastIndexOf('/');
    long id = Root.snapshotId(LinuxPath.of(text.substring(slash + 1)));
    return id != Root.NO_SNAPSHOT && mountPoint.equals(path.resolve(Root.snapshotName(id)))
        ? Optional.of(id)
        : Optional.empty();
  }

  /**
   * No longer shows a layer, in no place; nothing if it is not mounted. Who uses files of it keeps
   * them until he does no more.
   *
   * @param id of a snapshot whose directory is there
   */
  public void unmount(long id) throws ErrnoException {
    try (var _ = locks.hold(id)) {
      mapped.unmount(id);
      while (isMounted(id)) {
        Mounts.umount2(
            placeOf(snapshots).resolve(Root.snapshotName(id)),
            UnmountFlag.DETACH,
            UnmountFlag.NO_FOLLOW);
      }
      removeAll(id);
    }
  }

  /** {@return what is seen at the place of a layer} */
  private Fd open(long id) throws ErrnoException {
    return Fcntl.openat(
        snapshots, Root.snapshotName(id), OpenFlag.PATH, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  private static LinuxPath placeOf(Fd directory) {
    return LinuxPath.of("/proc/self/fd/" + directory.number());
  }
}
