package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.MountChange;
import io.gatun.linux.mount.MountEntry;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.OpenTreeFlag;
import io.gatun.linux.mount.Mounts.Propagation;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.concurrent.KeyedLock;
import io.gatun.snapshot.root.Root;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Mounts indexed layers: an index is mounted at {@code snapshots/<id>} and has the files of the
 * layer in {@code fs}. The mount point has no {@code fs}, so the kernel refuses an overlay on an
 * unmounted layer instead of showing an empty one.
 *
 * <p>An index is one filesystem for all snapshots that have it: all but the first are bind mounts.
 * Its files are therefore in memory once.
 *
 * <p>The kernel alone knows what is mounted. A daemon finds the mounts of an earlier one, and
 * mounts again what others unmount. Foreign mounts at the same place are covered, never taken for
 * ours, and removed with ours.
 *
 * <p>The kernel tells which index a mount has, but not which tar, and a damaged tar is replaced. So
 * the tar of each mount is recorded, and a mount with an old tar is covered and not reused. A mount
 * that exists when this object is created is assumed to have the current tar: before a tar is
 * removed or replaced, its layer must be unmounted.
 *
 * <p>Thread-safe, for threads of one mount namespace.
 */
public final class IndexMounts {

  private static final String TYPE = "erofs";

  private final Fd snapshots;
  private final LinuxPath path;
  private volatile IndexFilesystem filesystem;
  private final IdMappedMounts idMappedMounts;

  /** Where each layer may be mounted; to be verified before use. */
  private final Map<Source, Set<Long>> places = new HashMap<>();

  /** The index of existing mounts whose tar is not known yet. */
  private final Map<Long, IndexVolume> found = new HashMap<>();

  /** Serializes operations on one mount point, which may wait for the disk. */
  private final KeyedLock<Long> locks = new KeyedLock<>();

  /** Serializes first mounts of the same index, so that only one creates the filesystem. */
  private final KeyedLock<Source> sourceLocks = new KeyedLock<>();

  /**
   * The source of a mount.
   *
   * @param tar a different file after a replacement, like the index
   */
  private record Source(IndexVolume volume, OpenFile tar, OpenFile index) {

    static Source of(Fd tar, Fd index) throws ErrnoException {
      return new Source(IndexVolume.of(index), OpenFile.of(tar), OpenFile.of(index));
    }
  }

  /** Identifies a file; its inode is not reused while it is open or mounted. */
  private record OpenFile(long device, long inode) {

    static OpenFile of(Fd file) throws ErrnoException {
      FileStatus status = Stat.statx(file);
      return new OpenFile(status.device(), status.inode());
    }
  }

  /**
   * Finds existing mounts.
   *
   * @param snapshots the directory of all snapshot directories
   * @param filesystem how to mount an index; uses loop devices if the kernel cannot read files
   * @param idMappedMounts further mounts of the same layers
   */
  public IndexMounts(Fd snapshots, IndexFilesystem filesystem, IdMappedMounts idMappedMounts)
      throws ErrnoException {
    this.snapshots = snapshots;
    this.path = Unistd.readlinkat(Fd.CURRENT_DIRECTORY, placeOf(snapshots));
    this.filesystem = filesystem;
    this.idMappedMounts = idMappedMounts;
    for (long id : mounted()) {
      try (Fd top = open(id)) {
        IndexVolume.mountedAt(top).ifPresent(volume -> found.put(id, volume));
      }
    }
  }

  /** {@return the mounts of layers with other owners} */
  public IdMappedMounts idMapped() {
    return idMappedMounts;
  }

  /** Sets the access for future mounts, as found by a probe. */
  public void mountBy(IndexAccess access) {
    filesystem = new IndexFilesystem(access, filesystem.selinuxContext());
  }

  /**
   * Mounts a layer unless it is already visible.
   *
   * @param id of the snapshot, whose directory exists
   * @param tar of the layer, open for reading
   * @param index of the tar, open for reading
   */
  public void mount(long id, Fd tar, Fd index) throws ErrnoException {
    Source source = Source.of(tar, index);
    try (var _ = locks.hold(id)) {
      boolean isIndexSeen = isSeen(id, source.volume());
      if (isIndexSeen && isOver(id, source)) {
        return;
      }
      if (isIndexSeen) {
        // They show the previous tar.
        idMappedMounts.unmount(id);
      }
      try (var _ = sourceLocks.hold(source)) {
        attach(id, source, tar, index);
        removeAll(id);
        add(source, id);
      }
    }
  }

  private boolean isSeen(long id, IndexVolume volume) throws ErrnoException {
    try (Fd top = open(id)) {
      return IndexVolume.mountedAt(top).equals(Optional.of(volume));
    }
  }

  /**
   * {@return whether the mount of the index has this tar} True, and recorded, for a mount that
   * existed before.
   */
  private synchronized boolean isOver(long id, Source source) {
    if (source.volume().equals(found.remove(id))) {
      add(source, id);
    }
    return placesOf(source).contains(id);
  }

  private void attach(long id, Source source, Fd tar, Fd index) throws ErrnoException {
    Optional<Fd> copy = copyOf(source);
    try (Fd mount = copy.isPresent() ? copy.get() : mount(tar, index)) {
      // Private, so that mounts made in one of them do not appear in the others.
      Mounts.mountSetattr(
          mount, LinuxPath.EMPTY, MountChange.propagating(Propagation.PRIVATE), AtFlag.EMPTY_PATH);
      Mounts.moveMount(mount, snapshots, Root.snapshotName(id));
    }
  }

  /**
   * {@return a detached mount of an index} Falls back to loop devices if the kernel requires them
   * although the configured access worked before: on an older kernel, or when a full filesystem
   * prevented a probe.
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

  private Optional<Fd> copyOf(Source source) throws ErrnoException {
    for (long id : placesOf(source)) {
      Optional<Fd> copy = tryCopy(id, source.volume());
      if (copy.isPresent()) {
        return copy;
      }
      remove(source, id);
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
      // The directory is gone or cannot be bound, so it is not ours.
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

  private synchronized Set<Long> placesOf(Source source) {
    return Set.copyOf(places.getOrDefault(source, Set.of()));
  }

  private synchronized void add(Source source, long id) {
    places.computeIfAbsent(source, _ -> new HashSet<>()).add(id);
  }

  private synchronized void remove(Source source, long id) {
    places.computeIfPresent(
        source,
        (_, ids) -> {
          ids.remove(id);
          return ids.isEmpty() ? null : ids;
        });
  }

  private synchronized void removeAll(long id) {
    found.remove(id);
    places.values().forEach(ids -> ids.remove(id));
    places.values().removeIf(Set::isEmpty);
  }

  /**
   * {@return whether a layer is mounted, even if a foreign mount covers it}
   *
   * @param id of a snapshot whose directory exists
   */
  public boolean isMounted(long id) throws ErrnoException {
    try (Fd top = open(id)) {
      if (Stat.statx(top).mountId() == Stat.statx(snapshots).mountId()) {
        return false;
      }
      return Statfs.fstatfs(top).type() == FilesystemType.EROFS || mounted().contains(id);
    }
  }

  /** {@return the device visible at a layer's mount point, as in {@code stat(2)}} */
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
   * Unmounts a layer everywhere; does nothing if it is not mounted. Processes keep files that they
   * have open.
   *
   * @param id of a snapshot whose directory exists
   */
  public void unmount(long id) throws ErrnoException {
    try (var _ = locks.hold(id)) {
      // If unmounting fails, the mount must not be taken for one of a later tar.
      removeAll(id);
      idMappedMounts.unmount(id);
      while (isMounted(id)) {
        Mounts.umount2(
            placeOf(snapshots).resolve(Root.snapshotName(id)),
            UnmountFlag.DETACH,
            UnmountFlag.NO_FOLLOW);
      }
      // Another thread may have mounted it with a mapping meanwhile.
      idMappedMounts.unmount(id);
    }
  }

  /** {@return the directory visible at a layer's mount point} */
  private Fd open(long id) throws ErrnoException {
    return Fcntl.openat(
        snapshots, Root.snapshotName(id), OpenFlag.PATH, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  private static LinuxPath placeOf(Fd directory) {
    return LinuxPath.of("/proc/self/fd/" + directory.number());
  }
}
