package io.gatun.snapshot.mount;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
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
import io.gatun.snapshot.concurrent.KeyedLock;
import io.gatun.snapshot.root.Root;
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
 * <p>The kernel tells of a mount which index it is, but not over which file; and a tar that was
 * damaged is replaced by another. So it is noted which one each mount is over, and one over another
 * than there is now is covered, and not taken for more. A mount that is found when this is made is
 * over the tar that is there: who takes that away, or puts another there, has to unmount it before.
 *
 * <p>Safe for use by several threads, of one mount namespace.
 */
public final class IndexMounts {

  private static final String TYPE = "erofs";

  private final Fd snapshots;
  private final LinuxPath path;
  private volatile IndexFilesystem filesystem;
  private final IdMappedMounts idMappedMounts;

  /** Where each layer may be found; who looks there makes sure. */
  private final Map<Source, Set<Long>> places = new HashMap<>();

  /** What was mounted before, until it is known over which tar. */
  private final Map<Long, IndexVolume> found = new HashMap<>();

  /** What is done at one place is done one at a time, and takes as long as a disk may. */
  private final KeyedLock<Long> locks = new KeyedLock<>();

  /** For those who are about to mount the same index, of whom the first makes the filesystem. */
  private final KeyedLock<Source> sourceLocks = new KeyedLock<>();

  /**
   * What is mounted.
   *
   * @param tar which is another one if it has been replaced, as is the index
   */
  private record Source(IndexVolume volume, OpenFile tar, OpenFile index) {

    static Source of(Fd tar, Fd index) throws ErrnoException {
      return new Source(IndexVolume.of(index), OpenFile.of(tar), OpenFile.of(index));
    }
  }

  /** A file, whose inode no other one has as long as it is open or mounted. */
  private record OpenFile(long device, long inode) {

    static OpenFile of(Fd file) throws ErrnoException {
      FileStatus status = Stat.statx(file);
      return new OpenFile(status.device(), status.inode());
    }
  }

  /**
   * Finds what is mounted.
   *
   * @param snapshots the directory that holds one directory a snapshot
   * @param filesystem how an index is mounted; where the kernel wants devices instead of files, it
   *     is given some
   * @param idMappedMounts where layers may be shown once more
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

  /** {@return where layers are shown with other owners} */
  public IdMappedMounts idMapped() {
    return idMappedMounts;
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
    Source source = Source.of(tar, index);
    try (var _ = locks.hold(id)) {
      boolean isIndexSeen = isSeen(id, source.volume());
      if (isIndexSeen && isOver(id, source)) {
        return;
      }
      if (isIndexSeen) {
        // They show the tar that was there before.
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
   * {@return whether the index that is seen at a place is mounted over this tar} Of one that was
   * found, that is so, and noted.
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

  /** {@return a bind mount of a layer that is mounted, attached nowhere} */
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
      // What cannot be unmounted is not taken for a mount of what there is later.
      removeAll(id);
      idMappedMounts.unmount(id);
      while (isMounted(id)) {
        Mounts.umount2(
            placeOf(snapshots).resolve(Root.snapshotName(id)),
            UnmountFlag.DETACH,
            UnmountFlag.NO_FOLLOW);
      }
      // Somebody may have had it shown with other owners until just now.
      idMappedMounts.unmount(id);
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
