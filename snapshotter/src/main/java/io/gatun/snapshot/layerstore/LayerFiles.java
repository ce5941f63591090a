package io.gatun.snapshot.layerstore;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.durability.SyncWatch;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.root.InodeProtection;
import io.gatun.snapshot.root.Root;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The files below {@code layers/}, a directory that may not exist yet. */
final class LayerFiles {

  private static final LinuxPath SELF = LinuxPath.of(".");

  private final Disk disk;
  private final Root root;
  private final SyncWatch watch;
  private final FileProtection protection;
  private Optional<Fd> top;

  LayerFiles(Disk disk, Root root, SyncWatch watch, FileProtection protection)
      throws ErrnoException {
    this.disk = disk;
    this.root = root;
    this.watch = watch;
    this.protection = protection;
    this.top = root.openLayers();
  }

  Disk disk() {
    return disk;
  }

  /** {@return the directory, created if it does not exist} */
  synchronized Fd createTop() throws ErrnoException {
    if (top.isEmpty()) {
      top = Optional.of(root.createLayers());
    }
    return top.get();
  }

  /** {@return the directory; {@code ENOENT} if it does not exist} */
  Fd top() throws ErrnoException {
    Optional<Fd> found = find();
    if (found.isEmpty()) {
      throw new ErrnoException("openat", Errno.ENOENT, Root.LAYERS);
    }
    return found.get();
  }

  private synchronized Optional<Fd> find() {
    return top;
  }

  List<LinuxPath> names() throws ErrnoException {
    Optional<Fd> found = find();
    return found.isEmpty() ? List.of() : names(found.get(), SELF);
  }

  private static List<LinuxPath> names(Fd parent, LinuxPath name) throws ErrnoException {
    try (Fd directory =
        Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW)) {
      return new DirectoryReader().all(directory).stream().map(DirectoryEntry::name).toList();
    }
  }

  static LinuxPath directory(Digest diffId) {
    return LinuxPath.of(diffId.hex());
  }

  Fd openDirectory(Digest diffId) throws ErrnoException {
    return root.openDirectory(top(), directory(diffId));
  }

  /**
   * {@return the files of a layer; none if its name belongs to something other than a directory}
   */
  List<LayerFile> of(Digest diffId) throws ErrnoException {
    try {
      return names(top(), directory(diffId)).stream()
          .flatMap(name -> LayerFile.of(name).stream())
          .toList();
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOTDIR)) {
        return List.of();
      }
      throw e;
    }
  }

  Set<Digest> indexes(Digest diffId) throws ErrnoException {
    Set<Digest> found = new TreeSet<>();
    for (LayerFile file : of(diffId)) {
      if (file instanceof LayerFile.Index(Digest digest)) {
        found.add(digest);
      }
    }
    return found;
  }

  boolean contain(Digest diffId, LayerFile file) throws ErrnoException {
    Optional<Fd> found = find();
    if (found.isEmpty() || !isDirectory(found.get(), directory(diffId))) {
      return false;
    }
    return Stat.tryStatx(
            found.get(), directory(diffId).resolve(file.name()), AtFlag.SYMLINK_NOFOLLOW)
        .filter(status -> status.type() == NodeType.REGULAR)
        .isPresent();
  }

  private static boolean isDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    return Stat.tryStatx(parent, name, AtFlag.SYMLINK_NOFOLLOW)
        .filter(status -> status.type() == NodeType.DIRECTORY)
        .isPresent();
  }

  /** {@return the tar of a layer; {@code ENOENT} if there is none} */
  StoredTar openTar(Digest diffId) throws ErrnoException {
    return new StoredTar(open(diffId, LayerFile.Tar.TAR));
  }

  Fd open(Digest diffId, LayerFile file) throws ErrnoException {
    try (Fd directory = openDirectory(diffId)) {
      return open(directory, file.name());
    }
  }

  private static Fd open(Fd directory, LinuxPath name) throws ErrnoException {
    // Does not block if the file is a FIFO.
    return Fcntl.openat(
        directory, name, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.NON_BLOCKING);
  }

  /**
   * Syncs the content of a file. Drops a tar from the page cache afterwards: layers are read
   * through the files of the mount, which are cached on their own.
   */
  void bringToDisk(Fd directory, LayerFile file) throws ErrnoException {
    try (Fd open = open(directory, file.name())) {
      watch.run(() -> disk.syncData(open));
      forget(open, file);
    }
  }

  private static void forget(Fd open, LayerFile file) throws ErrnoException {
    switch (file) {
      case LayerFile.Tar _ -> Fcntl.fadviseDontNeed(open, 0, 0);
      case LayerFile.Index _, LayerFile.Blob _, LayerFile.Unsynced _ -> {}
    }
  }

  /** Protects the content of a complete file in an ingest. */
  void seal(Fd directory, LayerFile file) throws ErrnoException {
    // Sealing reads the whole file into the page cache. Other protections read nothing.
    if (protection == FileProtection.VERITY) {
      try (Fd open = open(directory, file.name())) {
        protection.seal(disk, open);
        forget(open, file);
      }
    }
  }

  /** Protects a file that has been renamed into its layer. */
  void hold(Fd directory, LayerFile file) throws ErrnoException {
    if (protection != FileProtection.NONE) {
      try (Fd open = open(directory, file.name())) {
        protection.hold(disk, open);
      }
    }
  }

  void sync(Fd directory) throws ErrnoException {
    watch.run(() -> disk.sync(directory));
  }

  /** Creates an empty file unless the name is taken; even in an immutable directory. */
  void createIfFree(Fd directory, LayerFile file) throws ErrnoException {
    LinuxPath name = file.name();
    try {
      InodeProtection.overcome(
          disk, directory, name, () -> disk.createFile(directory, name, LayerFile.MODE).close());
    } catch (ErrnoException e) {
      if (!e.is(Errno.EEXIST)) {
        throw e;
      }
    }
  }

  /** Removes a file, even if it is immutable. */
  void remove(Fd directory, LayerFile file) throws ErrnoException {
    InodeProtection.overcome(
        disk, directory, file.name(), () -> disk.removeFile(directory, file.name()));
  }

  /** Replaces a file with another one, even if it is immutable. */
  void replace(Fd fromParent, Fd toParent, LayerFile file) throws ErrnoException {
    InodeProtection.overcome(
        disk,
        toParent,
        file.name(),
        () -> disk.replace(fromParent, file.name(), toParent, file.name()));
  }

  /**
   * Moves a file, even into an immutable directory.
   *
   * @return false if the target name is taken
   */
  boolean moveIfFree(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    try {
      InodeProtection.overcome(
          disk, toParent, to, () -> disk.rename(fromParent, from, toParent, to));
      return true;
    } catch (ErrnoException e) {
      if (e.is(Errno.EEXIST)) {
        return false;
      }
      throw e;
    }
  }
}
