package io.gatun.snapshot.state;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FilesystemType;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.Root;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The files of {@link ActiveSnapshots}: they keep with a snapshot what is known of the layer in it,
 * so that a daemon that is started later neither commits a part of a layer nor has to count and
 * sync a whole one.
 *
 * <pre>
 *   snapshots/ID/unpacking   empty: a layer is being unpacked, or was when the daemon ended;
 *                            otherwise: a layer was applied that is kept as a tar, and is not here
 *   snapshots/ID/applied     a layer was unpacked, and this is known of it
 * </pre>
 *
 * <p>It is one file: empty at first, and written and renamed when the layer is on the disk and it
 * is there itself. When it is made it is synced on btrfs alone: there, fsync(2) of a file of the
 * layer brings that file to the disk without the names that came before it (fs/btrfs/tree-log.c),
 * while a journal has them in the order in which they came.
 *
 * <p>Of a layer that is kept, it is written and not renamed: a version of Gatun that knows of no
 * such layers then refuses to commit the empty directory.
 */
final class UnpackRecords {

  private static final LinuxPath NAME = LinuxPath.of("applied");
  private static final LinuxPath UNPACKING = LinuxPath.of("unpacking");

  private static final int MODE = 0600;

  private final Disk disk;
  private final Root root;
  private final String boot;
  private final boolean areNamesInOrder;

  /**
   * @param boot what identifies this start of the machine
   */
  UnpackRecords(Disk disk, Root root, String boot) throws ErrnoException {
    this.disk = disk;
    this.root = root;
    this.boot = boot;
    this.areNamesInOrder = Statfs.fstatfs(root.snapshots()).type() != FilesystemType.BTRFS;
  }

  /** Says that a layer is being unpacked, and nothing is known of it any more. */
  void begin(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      // Of an empty layer, which left the snapshot as it was made.
      removeIfPresent(directory, NAME);
      removeIfPresent(directory, UNPACKING);
      begin(directory);
    }
  }

  /** As {@link #begin(long)}, of a snapshot that is to have this new directory. */
  void begin(Fd directory) throws ErrnoException {
    disk.createFile(directory, UNPACKING, MODE).close();
    if (!areNamesInOrder) {
      disk.sync(directory);
    }
  }

  /**
   * {@return the ids of the active snapshots that hold a part of a layer, or whose layer is kept}
   *
   * @param missing those whose directories are
   */
  List<Long> unfinished(MetadataStore store, Set<Long> missing) throws ErrnoException {
    List<Long> active = new ArrayList<>();
    store.forEach(
        snapshot -> {
          if (snapshot.kind() == Kind.ACTIVE && !missing.contains(snapshot.id())) {
            active.add(snapshot.id());
          }
        });
    List<Long> unfinished = new ArrayList<>();
    for (long id : active) {
      if (isPresent(root.snapshots(), Root.snapshotName(id).resolve(UNPACKING))) {
        unfinished.add(id);
      }
    }
    return unfinished;
  }

  /**
   * Says that a layer was unpacked, and keeps what is known of it; durably, if the layer itself is
   * on the disk.
   */
  void write(long id, ActiveSnapshots.Layer layer) throws ErrnoException {
    ByteBuffer content = new UnpackRecord(layer, boot).encode();
    try (Fd directory = open(id)) {
      try (Fd file = Fcntl.openat(directory, UNPACKING, OpenFlag.WRITE_ONLY, OpenFlag.NO_FOLLOW)) {
        long at = 0;
        while (content.hasRemaining()) {
          at += disk.write(file, content, at);
        }
        if (layer.isDurable()) {
          disk.sync(file);
        }
      }
      if (layer.kept().isEmpty()) {
        disk.replace(directory, UNPACKING, directory, NAME);
      }
      if (layer.isDurable()) {
        disk.sync(directory);
      }
    }
  }

  /**
   * {@return what is known of the layer in a snapshot}
   *
   * <p>What was not on the disk is forgotten when the machine is started anew.
   */
  Optional<ActiveSnapshots.Layer> find(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      return isPresent(directory, NAME) ? find(directory, NAME) : findIndexed(directory);
    }
  }

  /** {@return the same, if the layer is kept} */
  Optional<ActiveSnapshots.Layer> findIndexed(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      return findIndexed(directory);
    }
  }

  private Optional<ActiveSnapshots.Layer> findIndexed(Fd directory) throws ErrnoException {
    return isPresent(directory, UNPACKING)
        ? find(directory, UNPACKING).filter(layer -> layer.kept().isPresent())
        : Optional.empty();
  }

  private Optional<ActiveSnapshots.Layer> find(Fd directory, LinuxPath name) throws ErrnoException {
    try (Fd file = Fcntl.openat(directory, name, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
      return UnpackRecord.decode(read(file))
          .filter(known -> known.layer().isDurable() || known.boot().equals(boot))
          .map(UnpackRecord::layer);
    }
  }

  private static ByteBuffer read(Fd file) throws ErrnoException {
    ByteBuffer content = ByteBuffer.allocateDirect(Math.toIntExact(Stat.statx(file).sizeBytes()));
    while (content.hasRemaining() && Unistd.pread(file, content, content.position()) > 0) {
      // The kernel may give less than is asked for.
    }
    return content.flip();
  }

  /** Forgets a layer, so that no crash brings back what was known of it. */
  void delete(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      if (removeIfPresent(directory, NAME)) {
        disk.sync(directory);
      }
    }
  }

  /** Removes what nobody asks for any more. */
  void discard(long id) throws ErrnoException {
    if (isPresent(root.snapshots(), Root.snapshotName(id).resolve(NAME))) {
      try (Fd directory = open(id)) {
        removeIfPresent(directory, NAME);
      }
    }
  }

  private Fd open(long id) throws ErrnoException {
    return root.openDirectory(root.snapshots(), Root.snapshotName(id));
  }

  private boolean removeIfPresent(Fd directory, LinuxPath name) throws ErrnoException {
    if (!isPresent(directory, name)) {
      return false;
    }
    try {
      disk.removeFile(directory, name);
    } catch (ErrnoException e) {
      // Two may ask for the mounts of a snapshot at a time.
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
    return true;
  }

  private static boolean isPresent(Fd directory, LinuxPath name) throws ErrnoException {
    return Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW).isPresent();
  }
}
