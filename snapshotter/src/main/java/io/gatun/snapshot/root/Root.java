package io.gatun.snapshot.root;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.FilesystemStatus;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.linux.file.Unistd;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The daemon's root directory, open and locked.
 *
 * <pre>
 *   format            the version of this layout, and the driver; see {@link RootFormat}
 *   lock              held with flock(2) by the daemon that owns the root
 *   metadata/         the metadata store
 *   snapshots/ID/     one directory for each snapshot, by its decimal id; the driver owns its content
 *   layers/           indexed layers; created for the first
 *   mapped/           id-mapped mounts of layers; created for the first
 *   superseded/       trees of layers that an earlier version has converted
 *   trash/            directories being created (ID.new) or waiting for deletion
 *   empty/            an empty lower directory
 * </pre>
 *
 * The root and its direct entries belong to the daemon's user and are closed to others, except
 * {@code empty/}, because layers contain set-user-id programs of any age (CVE-2021-41103).
 */
public final class Root implements AutoCloseable {

  /** The result of {@link #snapshotId} for a name that is not that of a snapshot's directory. */
  public static final long NO_SNAPSHOT = 0;

  static final int PRIVATE_MODE = 0700;
  static final int EMPTY_MODE = 0755;
  static final int FILE_MODE = 0600;
  private static final int OTHERS_MODE_BITS = 0077;
  private static final int FORMAT_LENGTH_BYTES_MAX = 4096;

  /** Room is short when less than one part in so many is free. */
  private static final int ROOM_PARTS = 10;

  static final LinuxPath LOCK = LinuxPath.of("lock");
  static final LinuxPath FORMAT = LinuxPath.of("format");
  static final LinuxPath NEW_FORMAT = LinuxPath.of("format.new");
  static final LinuxPath METADATA = LinuxPath.of("metadata");

  public static final LinuxPath SNAPSHOTS = LinuxPath.of("snapshots");

  /** Directories being created or waiting for deletion. */
  public static final LinuxPath TRASH = LinuxPath.of("trash");

  static final LinuxPath EMPTY = LinuxPath.of("empty");

  /** Indexed layers. */
  public static final LinuxPath LAYERS = LinuxPath.of("layers");

  /** Id-mapped mounts of layers. */
  public static final LinuxPath MAPPED = LinuxPath.of("mapped");

  /** Trees of layers that an earlier version has converted. */
  public static final LinuxPath SUPERSEDED = LinuxPath.of("superseded");

  /** The name of the files' directory in a snapshot's directory. */
  public static final LinuxPath FILES = LinuxPath.of("fs");

  /** The entries that may precede the format: those created first, and mkfs.ext4's. */
  static final Set<LinuxPath> BEFORE_FORMAT = Set.of(LOCK, NEW_FORMAT, LinuxPath.of("lost+found"));

  private final Disk disk;
  private final Path path;
  private final List<Fd> open = new ArrayList<>();
  private final Fd directory;
  private final Fd snapshots;
  private final Fd trash;
  private RootFormat format;

  /**
   * Opens a root and locks it; creates it if it does not exist.
   *
   * @param path absolute; its parents are created if missing
   * @throws UnusableRootException if it is in use, of another owner or version, or cannot be
   *     written
   */
  public static Root open(Disk disk, Path path) throws UnusableRootException {
    try {
      return new Root(disk, path);
    } catch (ErrnoException e) {
      throw new UnusableRootException(
          "root %s cannot be used: %s%s".formatted(path, e.getMessage(), remedy(e.errno())), e);
    }
  }

  private static String remedy(Errno errno) {
    return switch (errno) {
      case EROFS -> "; remount the filesystem writable, or choose another root";
      case ENOSPC, EDQUOT -> "; free some space on the filesystem, or choose another root";
      case EACCES, EPERM -> "; run gatun as root, or choose another root";
      case ENOTDIR -> "; choose a directory as root";
      default -> "";
    };
  }

  private Root(Disk disk, Path path) throws ErrnoException, UnusableRootException {
    this.disk = disk;
    this.path = path;
    boolean complete = false;
    try {
      this.directory = openRoot();
      // Must not change a directory that is not a root, such as / or a home directory.
      requireNothingElse();
      makePrivate();
      lock();
      this.format = readOrWriteFormat();
      openOrCreate(METADATA, PRIVATE_MODE);
      this.snapshots = openOrCreate(SNAPSHOTS, PRIVATE_MODE);
      this.trash = openOrCreate(TRASH, PRIVATE_MODE);
      spread(trash);
      openOrCreate(EMPTY, EMPTY_MODE);
      disk.sync(directory);
      complete = true;
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  /** {@return the id for the name of a directory in {@code snapshots/}, or {@link #NO_SNAPSHOT}} */
  public static long snapshotId(LinuxPath name) {
    byte[] digits = name.bytes();
    if (digits.length == 0 || digits.length > 18 || digits[0] == '0') {
      return NO_SNAPSHOT;
    }
    long id = 0;
    for (byte digit : digits) {
      if (digit < '0' || digit > '9') {
        return NO_SNAPSHOT;
      }
      id = id * 10 + (digit - '0');
    }
    return id;
  }

  /** {@return the name of a snapshot's directory in {@code snapshots/}} */
  public static LinuxPath snapshotName(long id) {
    return LinuxPath.of(Long.toString(id));
  }

  /** {@return the disk through which the root is changed} */
  public Disk disk() {
    return disk;
  }

  /** {@return whether less than a tenth of the filesystem's blocks or inodes is free} */
  public boolean isDiskLow() {
    try {
      FilesystemStatus status = Statfs.fstatfs(directory);
      return status.availableBlocks() < status.blocks() / ROOM_PARTS
          || status.freeInodes() < status.inodes() / ROOM_PARTS;
    } catch (ErrnoException e) {
      // Every deletion meets the same failure and reports it.
      return false;
    }
  }

  /** {@return the absolute path of the root} */
  public Path path() {
    return path;
  }

  public Fd directory() {
    return directory;
  }

  /** {@return the absolute path of {@code metadata/}} */
  public Path metadataPath() {
    return path.resolve(METADATA.toString());
  }

  public Fd snapshots() {
    return snapshots;
  }

  public Fd trash() {
    return trash;
  }

  /** {@return the absolute path of {@code trash/}} */
  public Path trashPath() {
    return path.resolve(TRASH.toString());
  }

  /** {@return {@code layers/}, if it exists} */
  public Optional<Fd> openLayers() throws ErrnoException {
    return Stat.tryStatx(directory, LAYERS, AtFlag.SYMLINK_NOFOLLOW).isPresent()
        ? Optional.of(keep(openDirectory(directory, LAYERS)))
        : Optional.empty();
  }

  /**
   * {@return {@code layers/}, created durably if it does not exist}
   *
   * <p>Created on demand, to let roots of earlier versions open on a full disk.
   */
  public Fd createLayers() throws ErrnoException {
    Fd layers = openOrCreate(LAYERS, PRIVATE_MODE);
    spread(layers);
    disk.sync(directory);
    return layers;
  }

  /** {@return the names in {@code superseded/}, if it exists} */
  public List<LinuxPath> supersededNames() throws ErrnoException {
    if (Stat.tryStatx(directory, SUPERSEDED, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return List.of();
    }
    try (Fd superseded = openDirectory(directory, SUPERSEDED)) {
      return names(superseded);
    }
  }

  public Fd openDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /** {@return the ids of all directories in {@code snapshots/}, with or without a record} */
  public List<Long> snapshotIds() throws ErrnoException {
    return names(snapshots).stream().map(Root::snapshotId).filter(id -> id != NO_SNAPSHOT).toList();
  }

  /** {@return whether a snapshot has a directory with its files} */
  public boolean hasFiles(long id) throws ErrnoException {
    try {
      return Stat.tryStatx(snapshots, snapshotName(id).resolve(FILES), AtFlag.SYMLINK_NOFOLLOW)
          .filter(status -> status.type() == NodeType.DIRECTORY)
          .isPresent();
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOTDIR)) { // Not even the snapshot's own directory is one.
        return false;
      }
      throw e;
    }
  }

  /** {@return the names in a directory that stays open for other uses} */
  static List<LinuxPath> names(Fd directory) throws ErrnoException {
    // Opened again, because the read position belongs to the open file.
    try (Fd reading =
        Fcntl.openat(directory, LinuxPath.of("."), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      return new DirectoryReader().all(reading).stream().map(DirectoryEntry::name).toList();
    }
  }

  public List<LinuxPath> trashNames() throws ErrnoException {
    return names(trash);
  }

  /** {@return the configuration name of the driver of the snapshots, if one was chosen} */
  public Optional<String> driver() {
    return format.driver();
  }

  /** Durably records the driver of the snapshots. */
  public void recordDriver(String driver) throws ErrnoException {
    if (!format.driver().equals(Optional.of(driver))) {
      RootFormat changed = RootFormat.current(Optional.of(driver));
      writeFormat(disk, directory, changed);
      format = changed;
    }
  }

  private Fd openRoot() throws ErrnoException, UnusableRootException {
    createMissing(path);
    Fd root = keep(openDirectory(Fd.CURRENT_DIRECTORY, LinuxPath.of(path)));
    FileStatus status = Stat.statx(root);
    if (status.uid() != Unistd.geteuid()) {
      throw new UnusableRootException(
          "root %s belongs to uid %d and gatun runs as uid %d: change its owner, or choose another root"
              .formatted(path, status.uid(), Unistd.geteuid()));
    }
    return root;
  }

  /** Refuses a non-empty directory without format: the format is the first file of a root. */
  private void requireNothingElse() throws ErrnoException, UnusableRootException {
    if (Stat.tryStatx(directory, FORMAT, AtFlag.SYMLINK_NOFOLLOW).isPresent()) {
      return;
    }
    for (LinuxPath name : names(directory)) {
      if (!BEFORE_FORMAT.contains(name)) {
        throw new UnusableRootException(
            "root %s holds %s but no file %s and is not a root of gatun: choose an empty directory, or run `gatun fsck` if it was one"
                .formatted(path, name, FORMAT));
      }
    }
  }

  private void makePrivate() throws ErrnoException {
    if ((Stat.statx(directory).mode() & OTHERS_MODE_BITS) != 0) {
      disk.setMode(directory, PRIVATE_MODE);
    }
  }

  private void createMissing(Path wanted) throws ErrnoException {
    Path parent = wanted.getParent();
    if (parent == null || exists(wanted)) {
      return;
    }
    createMissing(parent);
    try (Fd above = Fcntl.open(LinuxPath.of(parent), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      disk.createDirectory(
          above,
          LinuxPath.of(wanted.getFileName()),
          wanted.equals(path) ? PRIVATE_MODE : EMPTY_MODE);
      disk.sync(above);
    }
  }

  private static boolean exists(Path wanted) throws ErrnoException {
    return Stat.tryStatx(Fd.CURRENT_DIRECTORY, LinuxPath.of(wanted)).isPresent();
  }

  private void lock() throws ErrnoException, UnusableRootException {
    Fd lock =
        keep(
            Fcntl.openat(
                directory,
                LOCK,
                FILE_MODE,
                OpenFlag.READ_WRITE,
                OpenFlag.CREATE,
                OpenFlag.NO_FOLLOW));
    RootLock.take(
        lock,
        "root %s is in use by another gatun: stop it, or choose another root".formatted(path));
  }

  private RootFormat readOrWriteFormat() throws ErrnoException, UnusableRootException {
    try (Fd file = Fcntl.openat(directory, FORMAT, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
      return RootFormat.parse(path.resolve(FORMAT.toString()).toString(), read(file));
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
    // The lock is held; the format cannot have been created since.
    requireNothingElse();
    RootFormat created = RootFormat.current(Optional.empty());
    writeFormat(disk, directory, created);
    return created;
  }

  static String read(Fd file) throws ErrnoException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(FORMAT_LENGTH_BYTES_MAX);
    while (buffer.hasRemaining() && Unistd.read(file, buffer) > 0) {}
    return StandardCharsets.UTF_8.decode(buffer.flip()).toString();
  }

  static void writeFormat(Disk disk, Fd directory, RootFormat written) throws ErrnoException {
    try {
      disk.removeFile(directory, NEW_FORMAT);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
    byte[] text = written.text().getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.allocateDirect(text.length).put(text).flip();
    try (Fd file = disk.createFile(directory, NEW_FORMAT, FILE_MODE)) {
      for (long offset = 0; buffer.hasRemaining(); ) {
        offset += disk.write(file, buffer, offset);
      }
      disk.sync(file);
    }
    disk.replace(directory, NEW_FORMAT, directory, FORMAT);
    disk.sync(directory);
  }

  private Fd openOrCreate(LinuxPath name, int mode) throws ErrnoException {
    try {
      disk.createDirectory(directory, name, mode);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EEXIST)) {
        throw e;
      }
    }
    Fd opened = keep(openDirectory(directory, name));
    if (Stat.statx(opened).mode() != mode) {
      // The umask may have cleared bits, or another process may have added some.
      disk.setMode(opened, mode);
    }
    return opened;
  }

  /**
   * Makes ext4 spread the subdirectories over the disk, as it does at its top level. Otherwise a
   * new snapshot is placed where the previous one was deleted, and without a journal ext4 skips,
   * for each new file, every inode freed within the last minutes ({@code recently_deleted()} in its
   * ialloc.c), which makes unpacking many times slower. The directory of creation counts, not the
   * one of a later move.
   */
  private void spread(Fd parent) {
    try {
      disk.addInodeFlags(parent, Set.of(InodeFlag.TOP_OF_HIERARCHIES));
    } catch (ErrnoException e) {
      // Other filesystems neither have this flag nor need it.
      return;
    }
  }

  private synchronized Fd keep(Fd opened) {
    open.add(opened);
    return opened;
  }

  /** Closes everything and gives up the lock. */
  @Override
  public void close() {
    open.reversed().forEach(Fd::close);
  }
}
