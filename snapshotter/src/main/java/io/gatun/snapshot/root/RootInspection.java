package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A root opened for inspection: locked like a {@link Root}, but nothing is created or repaired.
 *
 * <p>Without the file {@code lock}, no daemon can be using the root, and none is created.
 */
public final class RootInspection implements AutoCloseable {

  private final Path path;
  private final Fd directory;
  private Optional<Fd> lock = Optional.empty();

  /** The state of the file {@code format}. */
  public sealed interface Format {

    record Known(Optional<String> driver) implements Format {}

    /** It and everything created after it is missing: the first start did not finish. */
    record Unwritten() implements Format {}

    record Damaged(String sentence) implements Format {}

    /** A later Gatun wrote it; the rest is unknown. */
    record Later(String sentence) implements Format {}
  }

  private RootInspection(Path path, Fd directory) {
    this.path = path;
    this.directory = directory;
  }

  /**
   * Opens a root that no daemon uses.
   *
   * @throws UnusableRootException if a daemon uses it, or it is not a root of Gatun
   */
  public static RootInspection open(Path path) throws ErrnoException, UnusableRootException {
    RootInspection inspection =
        new RootInspection(
            path, Fcntl.open(LinuxPath.of(path), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY));
    boolean isOpen = false;
    try {
      inspection.lock();
      inspection.requireRoot();
      isOpen = true;
      return inspection;
    } finally {
      if (!isOpen) {
        inspection.close();
      }
    }
  }

  private void lock() throws ErrnoException, UnusableRootException {
    if (type(Root.LOCK).filter(NodeType.REGULAR::equals).isEmpty()) {
      return;
    }
    Fd opened = Fcntl.openat(directory, Root.LOCK, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
    lock = Optional.of(opened);
    RootLock.take(opened, "root %s is in use by a gatun: stop it first".formatted(path));
  }

  private void requireRoot() throws ErrnoException, UnusableRootException {
    if (type(Root.FORMAT).isEmpty()
        && type(Root.METADATA).isEmpty()
        && type(Root.SNAPSHOTS).isEmpty()
        && !isFormatUnwritten()) {
      throw new UnusableRootException(
          "%s is not a root of gatun: it has neither %s nor %s nor %s"
              .formatted(path, Root.FORMAT, Root.METADATA, Root.SNAPSHOTS));
    }
  }

  /** {@return whether a first start ended before it wrote the format} */
  private boolean isFormatUnwritten() throws ErrnoException {
    return (type(Root.LOCK).isPresent() || type(Root.NEW_FORMAT).isPresent())
        && Root.BEFORE_FORMAT.containsAll(names(LinuxPath.EMPTY));
  }

  public Path path() {
    return path;
  }

  public Fd directory() {
    return directory;
  }

  /** {@return the modes of the root's directories, by name; the empty name is the root} */
  public static Map<LinuxPath, Integer> directories() {
    Map<LinuxPath, Integer> directories = new LinkedHashMap<>();
    directories.put(Root.METADATA, Root.PRIVATE_MODE);
    directories.put(Root.SNAPSHOTS, Root.PRIVATE_MODE);
    directories.put(Root.TRASH, Root.PRIVATE_MODE);
    directories.put(Root.EMPTY, Root.EMPTY_MODE);
    return directories;
  }

  /** {@return the modes of the root's files, by name} */
  public static Map<LinuxPath, Integer> files() {
    return Map.of(Root.FORMAT, Root.FILE_MODE, Root.LOCK, Root.FILE_MODE);
  }

  /** {@return whether a root may contain this name besides those} */
  public static boolean isIncidental(LinuxPath name) {
    return name.equals(Root.NEW_FORMAT) || name.equals(LinuxPath.of("lost+found"));
  }

  /** {@return the names in a directory of the root; an empty name is the root} */
  public List<LinuxPath> names(LinuxPath name) throws ErrnoException {
    if (name.isEmpty()) {
      return Root.names(directory);
    }
    try (Fd opened = openDirectory(name)) {
      return Root.names(opened);
    }
  }

  public Fd openDirectory(LinuxPath name) throws ErrnoException {
    return Fcntl.openat(
        directory, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /** {@return the status of an entry of the root, if it exists} */
  public Optional<FileStatus> status(LinuxPath name) throws ErrnoException {
    return Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW);
  }

  private Optional<NodeType> type(LinuxPath name) throws ErrnoException {
    return status(name).map(FileStatus::type);
  }

  public Format format() throws ErrnoException {
    if (isFormatUnwritten()) {
      return new Format.Unwritten();
    }
    String file = path.resolve(Root.FORMAT.toString()).toString();
    String text;
    try (Fd opened =
        Fcntl.openat(
            directory,
            Root.FORMAT,
            OpenFlag.READ_ONLY,
            OpenFlag.NO_FOLLOW,
            OpenFlag.NON_BLOCKING)) {
      text = Root.read(opened);
    } catch (ErrnoException e) {
      return new Format.Damaged("it cannot be read: " + e.getMessage());
    }
    try {
      return new Format.Known(RootFormat.parse(file, text).driver());
    } catch (UnusableRootException e) {
      String sentence = String.valueOf(e.getMessage());
      return RootFormat.isOfLaterVersion(text)
          ? new Format.Later(sentence)
          : new Format.Damaged("it does not name the version and driver of the root");
    }
  }

  /** Rewrites the file {@code format}. */
  public void writeFormat(Disk disk, Optional<String> driver) throws ErrnoException {
    Root.writeFormat(disk, directory, RootFormat.current(driver));
  }

  @Override
  public void close() {
    lock.ifPresent(Fd::close);
    directory.close();
  }
}
