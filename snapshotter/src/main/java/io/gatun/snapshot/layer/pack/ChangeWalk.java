package io.gatun.snapshot.layer.pack;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.filetree.TreeDescriptors;
import io.gatun.snapshot.filetree.TreeDirectory;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.tar.TarType;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * Writes the changes of a snapshot as entries of a layer (OCI image specification, layer.md), each
 * directory before its content, which is sorted by bytes. Every directory on the path of a change
 * is included, since overlayfs copies it up; the root itself is not, as in containerd's own layers.
 *
 * <p>In a running container, files that vanish meanwhile are treated as missing from the start,
 * files that grow are cut at their initial length, and files that shrink fail the walk.
 */
final class ChangeWalk {

  private static final LinuxPath WHITEOUT_PREFIX = LinuxPath.of(".wh.");

  /** How much of an overlong path a message shows. */
  private static final int SHOWN_BYTES = 80;

  private static final LinuxPath OPAQUE_MARK = LinuxPath.of(".wh..wh..opq");

  /** PATH_MAX of linux/limits.h includes the final NUL; readers cannot create longer paths. */
  private static final int PATH_BYTES_MAX = 4095;

  /** Bounds the retries for a file that changes its type. */
  private static final int LOOKS_MAX = 5;

  private static final OpenFlag[] READ = {
    OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.NON_BLOCKING, OpenFlag.NO_ACCESS_TIME
  };

  private final LayerTarget snapshot;
  private final TarWriter tar;
  private final Optional<Timespec> latest;
  private final MemoryBudget budget;
  private final OverlayMarks marks;
  private final LinkNames links;
  private final LayerXattrs xattrs = new LayerXattrs();
  private final LowerTrees lowers;
  private final DirectoryReader reader = new DirectoryReader();
  private final Deque<Level> levels = new ArrayDeque<>();

  /**
   * A directory being walked.
   *
   * @param names those that are left
   * @param hasBelow whether lower content may show through
   */
  private record Level(TreeDirectory directory, LinuxPath path, NameList names, boolean hasBelow) {}

  /**
   * @param latest replaces all later times in the layer
   */
  ChangeWalk(LayerTarget snapshot, TarWriter tar, Optional<Timespec> latest, MemoryBudget budget) {
    this.snapshot = snapshot;
    this.tar = tar;
    this.latest = latest;
    this.budget = budget;
    this.marks = new OverlayMarks(snapshot.deletions());
    this.links = new LinkNames(budget);
    this.lowers = new LowerTrees(snapshot.lowers());
  }

  /** {@return the number of user attributes that a tar cannot express} */
  long xattrsLeftOut() {
    return xattrs.leftOut();
  }

  /**
   * Writes all entries, without the end of the tar.
   *
   * @throws UnsupportedLayerException if the snapshot's own files do not show its full content
   * @throws UnfitFileException if a file cannot be in a layer or changes meanwhile
   */
  void run() throws IOException {
    try (lowers;
        Fd top =
            Fcntl.open(
                snapshot.files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
        TreeDescriptors descriptors = new TreeDescriptors()) {
      TreeDirectory directory = TreeDirectory.top(descriptors, top);
      push(directory, directory.enter(), LinuxPath.EMPTY, !snapshot.lowers().isEmpty());
      while (!levels.isEmpty()) {
        step(levels.element());
      }
    }
  }

  private void push(TreeDirectory directory, Fd fd, LinuxPath path, boolean hasBelow)
      throws IOException {
    NameList names = NameList.read(fd, reader, budget);
    levels.push(new Level(directory, path, names, hasBelow));
    // Lets the descriptor be closed; it is needed again for each name.
    directory.expect();
    directory.leave();
  }

  private void step(Level level) throws IOException {
    if (level.names().isAtEnd()) {
      levels.pop();
      level.names().release();
      level.directory().forget();
      return;
    }
    LinuxPath name = level.names().next();
    Fd directory = level.directory().open();
    try {
      for (int look = 1; !write(level, directory, name); look++) {
        if (look == LOOKS_MAX) {
          throw new UnfitFileException(level.path().resolve(name) + ": its type kept changing");
        }
      }
    } finally {
      level.directory().release();
    }
  }

  /** {@return whether it is done; false if the name now belongs to another type of file} */
  private boolean write(Level level, Fd directory, LinuxPath name) throws IOException {
    Optional<FileStatus> found = Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW);
    if (found.isEmpty()) {
      return true;
    }
    FileStatus status = found.get();
    return switch (status.type()) {
      // A socket is useless in another place, so layers have none.
      case SOCKET -> true;
      case DIRECTORY -> writeDirectory(level, name);
      case REGULAR -> writeFile(level, directory, name);
      case SYMBOLIC_LINK -> writeSymbolicLink(level, directory, name, status);
      case CHARACTER_DEVICE -> {
        if (status.rdevMajor() == 0 && status.rdevMinor() == 0) {
          writeWhiteout(level, name);
          yield true;
        }
        yield writeNode(level, directory, name, status, TarType.CHARACTER_DEVICE);
      }
      case BLOCK_DEVICE -> writeNode(level, directory, name, status, TarType.BLOCK_DEVICE);
      case FIFO -> writeNode(level, directory, name, status, TarType.FIFO);
      case UNKNOWN ->
          throw new UnfitFileException(level.path().resolve(name) + ": it is of an unknown type");
    };
  }

  /** A base deletes nothing: overlayfs never shows such a device. */
  private void writeWhiteout(Level level, LinuxPath name) throws IOException {
    if (!snapshot.lowers().isEmpty()) {
      tar.begin(mark(level.path().resolve(joined(WHITEOUT_PREFIX, name))));
    }
  }

  private boolean writeDirectory(Level level, LinuxPath name) throws IOException {
    LinuxPath path = pathOf(level, name);
    TreeDirectory child = level.directory().child(name);
    Fd fd;
    try {
      fd = child.enter();
    } catch (ErrnoException e) {
      return isGone(e);
    }
    FileStatus status = Stat.statx(fd);
    List<LinuxPath> names = Xattr.flistxattr(fd);
    boolean isOpaque = marks.isOpaque(fd, names, path);
    tar.begin(item(TarType.DIRECTORY, path, LinuxPath.EMPTY, status, xattrs(fd, names)));
    if (isOpaque && level.hasBelow() && lowers.ensureDirectory(path)) {
      tar.begin(mark(path.resolve(OPAQUE_MARK)));
    }
    push(child, fd, path, level.hasBelow() && !isOpaque);
    return true;
  }

  private boolean writeFile(Level level, Fd directory, LinuxPath name) throws IOException {
    LinuxPath path = pathOf(level, name);
    try (Fd file = openFile(directory, name)) {
      FileStatus status = Stat.statx(file);
      if (status.type() != NodeType.REGULAR) {
        return false;
      }
      List<LinuxPath> names = Xattr.flistxattr(file);
      marks.requireWhole(names, path);
      List<TarXattr> attributes = xattrs(file, names);
      if (begin(TarType.REGULAR, path, LinuxPath.EMPTY, status, attributes)) {
        tar.content(file, path, status);
      }
      return true;
    } catch (ErrnoException e) {
      if (e.call().startsWith("openat")) {
        return isGone(e);
      }
      throw e;
    }
  }

  /**
   * Only the owner, or a process with CAP_FOWNER, may read without changing the access time
   * (open(2)).
   */
  private static Fd openFile(Fd directory, LinuxPath name) throws ErrnoException {
    try {
      return Fcntl.openat(directory, name, READ);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EPERM)) {
        throw e;
      }
      return Fcntl.openat(directory, name, Arrays.copyOf(READ, READ.length - 1));
    }
  }

  private boolean writeSymbolicLink(Level level, Fd directory, LinuxPath name, FileStatus status)
      throws IOException {
    LinuxPath path = pathOf(level, name);
    LinuxPath target;
    try {
      target = Unistd.readlinkat(directory, name);
    } catch (ErrnoException e) {
      return !e.is(Errno.EINVAL) && isGone(e);
    }
    var _ = begin(TarType.SYMBOLIC_LINK, path, target, status, List.of());
    return true;
  }

  private boolean writeNode(
      Level level, Fd directory, LinuxPath name, FileStatus status, TarType type)
      throws IOException {
    LinuxPath path = pathOf(level, name);
    List<TarXattr> attributes;
    try {
      attributes =
          xattrs.read(
              Xattr.llistxattr(directory, name),
              attribute -> Xattr.lgetxattr(directory, name, attribute));
    } catch (ErrnoException e) {
      return isGone(e);
    }
    var _ = begin(type, path, LinuxPath.EMPTY, status, attributes);
    return true;
  }

  /**
   * Begins the entry of a file, or of a link if it has been written under another name. A link has
   * the attributes as well, because unpacking sets the owner again, upon which the kernel drops
   * capabilities.
   *
   * @return whether it is the file, whose content follows
   */
  private boolean begin(
      TarType type, LinuxPath path, LinuxPath target, FileStatus status, List<TarXattr> attributes)
      throws IOException {
    Optional<LinuxPath> earlier = links.earlier(status, path);
    tar.begin(
        earlier.isPresent()
            ? item(TarType.HARD_LINK, path, earlier.get(), status, attributes)
            : item(type, path, target, status, attributes));
    return earlier.isEmpty();
  }

  private List<TarXattr> xattrs(Fd file, List<LinuxPath> names) throws ErrnoException {
    return xattrs.read(names, name -> Xattr.fgetxattr(file, name));
  }

  private TarItem item(
      TarType type, LinuxPath path, LinuxPath link, FileStatus status, List<TarXattr> attributes) {
    boolean isDevice = type == TarType.CHARACTER_DEVICE || type == TarType.BLOCK_DEVICE;
    return new TarItem(
        type,
        path,
        link,
        status.mode(),
        status.uid(),
        status.gid(),
        type == TarType.REGULAR ? status.sizeBytes() : 0,
        bounded(status.modified()),
        isDevice ? status.rdevMajor() : 0,
        isDevice ? status.rdevMinor() : 0,
        attributes);
  }

  private Timespec bounded(Timespec time) {
    return latest.filter(bound -> time.compareTo(bound) > 0).orElse(time);
  }

  /** {@return an empty file whose name is a mark} */
  private TarItem mark(LinuxPath path) throws UnfitFileException {
    requireLength(path);
    return new TarItem(
        TarType.REGULAR,
        path,
        LinuxPath.EMPTY,
        0,
        0,
        0,
        0,
        latest.orElse(new Timespec(0, 0)),
        0,
        0,
        List.of());
  }

  private static LinuxPath pathOf(Level level, LinuxPath name) throws UnfitFileException {
    LinuxPath path = level.path().resolve(name);
    if (name.hasPrefix(WHITEOUT_PREFIX)) {
      throw new UnfitFileException(
          path + ": in a layer, names that begin with .wh. mark deletions");
    }
    requireLength(path);
    return path;
  }

  private static void requireLength(LinuxPath path) throws UnfitFileException {
    if (path.length() > PATH_BYTES_MAX) {
      throw new UnfitFileException(
          "%s...: its path has %d bytes, the limit for unpacking is %d"
              .formatted(path.slice(0, SHOWN_BYTES), path.length(), PATH_BYTES_MAX));
    }
  }

  private static LinuxPath joined(LinuxPath prefix, LinuxPath name) {
    byte[] joined = Arrays.copyOf(prefix.bytes(), prefix.length() + name.length());
    System.arraycopy(name.bytes(), 0, joined, prefix.length(), name.length());
    return LinuxPath.ofBytes(joined);
  }

  /**
   * {@return whether a file no longer exists; false if another file has its name}
   *
   * @throws ErrnoException if the call failed for another reason
   */
  private static boolean isGone(ErrnoException failure) throws ErrnoException {
    return switch (failure.errno()) {
      case ENOENT -> true;
      case ENOTDIR, ELOOP, ENXIO, ENODEV, ESTALE -> false;
      default -> throw failure;
    };
  }
}
