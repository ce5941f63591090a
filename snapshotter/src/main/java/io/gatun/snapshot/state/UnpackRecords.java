package io.gatun.snapshot.state;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FilesystemType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
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
 * The files of {@link ActiveSnapshots}. They record the layer in a snapshot, so that a later daemon
 * never commits a part of a layer, and need not count and sync a complete one again.
 *
 * <pre>
 *   snapshots/ID/unpacking   empty: a layer is being unpacked, or was when the daemon ended;
 *                            otherwise: the record of an indexed layer, which has no files here
 *   snapshots/ID/applied     the record of a layer that was unpacked into the directory
 * </pre>
 *
 * <p>Both are names of one file. It is created empty, and written and renamed when the layer is
 * complete. The record of a durable layer is synced, after the layer. The creation is synced on
 * btrfs alone: there, fsync(2) of a file of the layer writes that file to disk without the names
 * created before it (fs/btrfs/tree-log.c), while a journal writes names in the order of their
 * creation.
 *
 * <p>The record of an indexed layer is written and not renamed, so that a version of Gatun without
 * indexed layers refuses to commit the empty directory.
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
   * @param boot identifies the current boot of the machine
   */
  UnpackRecords(Disk disk, Root root, String boot) throws ErrnoException {
    this.disk = disk;
    this.root = root;
    this.boot = boot;
    this.areNamesInOrder = Statfs.fstatfs(root.snapshots()).type() != FilesystemType.BTRFS;
  }

  /** Records that a layer is being unpacked, and deletes the record of an earlier one. */
  void begin(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      // An earlier empty layer leaves its record, and the directory unchanged.
      removeIfPresent(directory, NAME);
      removeIfPresent(directory, UNPACKING);
      begin(directory);
    }
  }

  /** Like {@link #begin(long)}, in a new directory that is about to become that of a snapshot. */
  void begin(Fd directory) throws ErrnoException {
    disk.createFile(directory, UNPACKING, MODE).close();
    if (!areNamesInOrder) {
      disk.sync(directory);
    }
  }

  /**
   * {@return the ids of the active snapshots with a part of a layer, or with an indexed layer}
   *
   * @param missing ids of snapshots without directories
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

  /** Records that a layer was unpacked; durably, if the layer itself is durable. */
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
   * {@return the recorded layer of a snapshot}
   *
   * <p>A record of a layer that was not durable is invalid after a reboot.
   */
  Optional<ActiveSnapshots.Layer> find(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      return isPresent(directory, NAME) ? find(directory, NAME) : findIndexed(directory);
    }
  }

  /** {@return the recorded layer of a snapshot, if it is indexed} */
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
      // pread(2) may return fewer bytes than requested.
    }
    return content.flip();
  }

  /** Deletes the record of a layer, durably. */
  void delete(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      if (removeIfPresent(directory, NAME)) {
        disk.sync(directory);
      }
    }
  }

  /** Deletes the record of a layer without a sync. */
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
      // Two requests for the mounts of a snapshot may run at the same time.
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
