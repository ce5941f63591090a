package io.gatun.snapshot.root;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.FilesystemStatus;
import io.gatun.linux.InodeFlag;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.linux.Unistd;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The directory that holds everything one daemon keeps, open and locked.
 *
 * <pre>
 *   format            the version of this layout, and the driver; see {@link RootFormat}
 *   lock              held with flock(2) by the daemon that owns the root
 *   metadata/         the metadata store's
 *   snapshots/ID/     one directory a snapshot, by its decimal id; what is in it is the driver's
 *   layers/           layers that are kept as tars with indexes; made when there is the first
 *   mapped/           where layers are shown with the owners of user namespaces; made for the first
 *   superseded/       trees of layers that have another form now; made for the first
 *   trash/            directories in the making (ID.new), and those waiting for deletion
 *   empty/            an empty lower directory
 * </pre>
 *
 * The root and what is directly in it belong to the daemon's user and are closed to others, {@code
 * empty/} excepted, since layers hold set-user-id programs of any age (CVE-2021-41103).
 */
public final class Root implements AutoCloseable {

  /** What {@link #snapshotId} answers for a name that no snapshot's directory can have. */
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

  /** One directory a snapshot. */
  public static final LinuxPath SNAPSHOTS = LinuxPath.of("snapshots");

  /** What is in the making, and what waits for deletion. */
  public static final LinuxPath TRASH = LinuxPath.of("trash");

  static final LinuxPath EMPTY = LinuxPath.of("empty");

  /** The layers that are kept as tars. */
  public static final LinuxPath LAYERS = LinuxPath.of("layers");

  /** Where layers are shown with other owners. */
  public static final LinuxPath MAPPED = LinuxPath.of("mapped");

  /** Trees of layers that have another form now. */
  public static final LinuxPath SUPERSEDED = LinuxPath.of("superseded");

  /** The files of a snapshot, in its directory. */
  public static final LinuxPath FILES = LinuxPath.of("fs");

  /** What a root may hold before it has a format: what is made first, and what mkfs.ext4 leaves. */
  static final Set<LinuxPath> BEFORE_FORMAT = Set.of(LOCK, NEW_FORMAT, LinuxPath.of("lost+found"));

  private final Disk disk;
  private final Path path;
  private final List<Fd> open = new ArrayList<>();
  private final Fd directory;
  private final Fd snapshots;
  private final Fd trash;
  private RootFormat format;
  private @Nullable Fd superseded;

  /**
   * Opens a root and locks it; makes it if there is none.
   *
   * @param path absolute; its parent directory is made, too, if it is not there
   * @throws UnusableRootException if it is in use, somebody else's, of another version, or cannot
   *     be written
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
      // Nothing may be done to a directory that is none of ours, be it / or somebody's home.
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

  /**
   * {@return the id that a directory of this name in {@code snapshots/} has, or {@link
   * #NO_SNAPSHOT}}
   */
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

  /** {@return the name in {@code snapshots/} of a snapshot's directory} */
  public static LinuxPath snapshotName(long id) {
    return LinuxPath.of(Long.toString(id));
  }

  /** {@return the disk that the root is changed through} */
  public Disk disk() {
    return disk;
  }

  /** {@return whether the filesystem has little room left, as far as it says} */
  public boolean isDiskLow() {
    try {
      FilesystemStatus status = Statfs.fstatfs(directory);
      return status.availableBlocks() < status.blocks() / ROOM_PARTS
          || status.freeInodes() < status.inodes() / ROOM_PARTS;
    } catch (ErrnoException e) {
      // Every deletion meets the same, and says so.
      return false;
    }
  }

  /** {@return where the root is; absolute} */
  public Path path() {
    return path;
  }

  /** {@return the root itself, open} */
  public Fd directory() {
    return directory;
  }

  /** {@return where {@code metadata/} is; absolute} */
  public Path metadataPath() {
    return path.resolve(METADATA.toString());
  }

  /** {@return {@code snapshots/}, open} */
  public Fd snapshots() {
    return snapshots;
  }

  /** {@return {@code trash/}, open} */
  public Fd trash() {
    return trash;
  }

  /** {@return where {@code trash/} is; absolute} */
  public Path trashPath() {
    return path.resolve(TRASH.toString());
  }

  /** {@return {@code layers/}, open, if there has ever been a layer in it} */
  public Optional<Fd> openLayers() throws ErrnoException {
    return Stat.tryStatx(directory, LAYERS, AtFlag.SYMLINK_NOFOLLOW).isPresent()
        ? Optional.of(keep(openDirectory(directory, LAYERS)))
        : Optional.empty();
  }

  /**
   * {@return {@code layers/}, open, and durably there}
   *
   * <p>Not made with the rest, so that a root of an earlier version is opened on a full disk, too.
   */
  public Fd createLayers() throws ErrnoException {
    Fd layers = openOrCreate(LAYERS, PRIVATE_MODE);
    spread(layers);
    disk.sync(directory);
    return layers;
  }

  /** {@return {@code superseded/}, open; closed with this} */
  public synchronized Fd createSuperseded() throws ErrnoException {
    if (superseded == null) {
      superseded = openOrCreate(SUPERSEDED, PRIVATE_MODE);
    }
    return superseded;
  }

  /** {@return the names of everything in {@code superseded/}, if there has ever been anything} */
  public List<LinuxPath> supersededNames() throws ErrnoException {
    return Stat.tryStatx(directory, SUPERSEDED, AtFlag.SYMLINK_NOFOLLOW).isPresent()
        ? Listing.names(createSuperseded())
        : List.of();
  }

  /** {@return a directory below one of the root's, open} */
  public Fd openDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(parent, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /** {@return the ids of all directories in {@code snapshots/}, with or without a record} */
  public List<Long> snapshotIds() throws ErrnoException {
    return Listing.names(snapshots).stream()
        .map(Root::snapshotId)
        .filter(id -> id != NO_SNAPSHOT)
        .toList();
  }

  /** {@return whether a snapshot has a directory that holds its files} */
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

  /** {@return the names of everything in {@code trash/}} */
  public List<LinuxPath> trashNames() throws ErrnoException {
    return Listing.names(trash);
  }

  /** {@return the name in the configuration of the driver that the snapshots belong to, if any} */
  public Optional<String> driver() {
    return format.driver();
  }

  /** Records, durably, which driver the snapshots belong to from now on. */
  public void recordDriver(String driver) throws ErrnoException {
    if (!format.driver().equals(Optional.of(driver))) {
      RootFormat changed = RootFormat.current(Optional.of(driver));
      writeFormat(changed);
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

  /**
   * The format is written before anything else, so that a root without it is either new or not
   * ours.
   */
  private void requireNothingElse() throws ErrnoException, UnusableRootException {
    if (Stat.tryStatx(directory, FORMAT, AtFlag.SYMLINK_NOFOLLOW).isPresent()) {
      return;
    }
    for (LinuxPath name : Listing.names(directory)) {
      if (!BEFORE_FORMAT.contains(name)) {
        throw new UnusableRootException(
            "root %s holds %s but no file %s, so it is not a root of gatun: choose an empty directory, or run `gatun fsck` if it was one"
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
    try {
      Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(wanted));
      return true;
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOENT)) {
        return false;
      }
      throw e;
    }
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
        "root %s is in use by another gatun: stop that one, or choose another root"
            .formatted(path));
  }

  private RootFormat readOrWriteFormat() throws ErrnoException, UnusableRootException {
    try (Fd file = Fcntl.openat(directory, FORMAT, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
      return RootFormat.parse(path.resolve(FORMAT.toString()).toString(), read(file));
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
    // Nobody else can have made one since that was seen.
    requireNothingElse();
    RootFormat created = RootFormat.current(Optional.empty());
    writeFormat(created);
    return created;
  }

  static String read(Fd file) throws ErrnoException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(FORMAT_LENGTH_BYTES_MAX);
    while (buffer.hasRemaining() && Unistd.read(file, buffer) > 0) {}
    return StandardCharsets.UTF_8.decode(buffer.flip()).toString();
  }

  private void writeFormat(RootFormat written) throws ErrnoException {
    writeFormat(disk, directory, written);
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
      // The umask may have taken bits away, or somebody may have added some.
      disk.setMode(opened, mode);
    }
    return opened;
  }

  /**
   * Has what is made in a directory placed where there is most room, far from each other, as ext4
   * does at its top. Otherwise a snapshot comes to lie where the one before lay that was just
   * deleted, and without a journal ext4 looks at each inode that was freed within the last minutes,
   * for each file, before it takes one that was not ({@code recently_deleted()} in its ialloc.c):
   * that makes unpacking many times slower. Where a directory was made counts, and not where it was
   * moved to.
   */
  private void spread(Fd parent) {
    try {
      disk.addInodeFlags(parent, Set.of(InodeFlag.TOP_OF_HIERARCHIES));
    } catch (ErrnoException e) {
      // Other filesystems have no such flag, and not this way of choosing.
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
