package io.gatun.snapshot.root;

import io.gatun.linux.AtFlag;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A root that is looked at as it is: locked like a {@link Root}, but nothing is made or put right.
 *
 * <p>If the file {@code lock} is gone, no daemon can be using the root, and none is made here.
 */
public final class RootInspection implements AutoCloseable {

  private final Path path;
  private final Fd directory;
  private Optional<Fd> lock = Optional.empty();

  /** What the file {@code format} turns out to be. */
  public sealed interface Format {

    /** It can be read. */
    record Known(Optional<String> driver) implements Format {}

    /** It is not there yet, and neither is anything that a first start makes after it. */
    record Unwritten() implements Format {}

    /** It is missing or damaged. */
    record Damaged(String sentence) implements Format {}

    /** A later Gatun has written it, so nothing is known of the rest. */
    record Later(String sentence) implements Format {}
  }

  private RootInspection(Path path, Fd directory) {
    this.path = path;
    this.directory = directory;
  }

  /**
   * Opens a root that no daemon uses.
   *
   * @throws UnusableRootException if one does, or it is no root of Gatun
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
    RootLock.take(opened, "root %s is in use by a gatun: stop that one first".formatted(path));
  }

  private void requireRoot() throws ErrnoException, UnusableRootException {
    if (type(Root.FORMAT).isEmpty()
        && type(Root.METADATA).isEmpty()
        && type(Root.SNAPSHOTS).isEmpty()
        && !isFormatUnwritten()) {
      throw new UnusableRootException(
          "%s is no root of gatun: it has neither %s nor %s nor %s"
              .formatted(path, Root.FORMAT, Root.METADATA, Root.SNAPSHOTS));
    }
  }

  /** {@return whether a first start was here, and has not come as far as the format} */
  private boolean isFormatUnwritten() throws ErrnoException {
    return (type(Root.LOCK).isPresent() || type(Root.NEW_FORMAT).isPresent())
        && Root.BEFORE_FORMAT.containsAll(names(LinuxPath.EMPTY));
  }

  /** {@return where the root is} */
  public Path path() {
    return path;
  }

  /** {@return the root itself, open} */
  public Fd directory() {
    return directory;
  }

  /** {@return the modes of the directories that a root has, by their names; the empty one is it} */
  public static Map<LinuxPath, Integer> directories() {
    Map<LinuxPath, Integer> directories = new LinkedHashMap<>();
    directories.put(Root.METADATA, Root.PRIVATE_MODE);
    directories.put(Root.SNAPSHOTS, Root.PRIVATE_MODE);
    directories.put(Root.TRASH, Root.PRIVATE_MODE);
    directories.put(Root.EMPTY, Root.EMPTY_MODE);
    return directories;
  }

  /** {@return the modes of the files that a root has, by their names} */
  public static Map<LinuxPath, Integer> files() {
    return Map.of(Root.FORMAT, Root.FILE_MODE, Root.LOCK, Root.FILE_MODE);
  }

  /** {@return whether a root may have this name in it beside those} */
  public static boolean isIncidental(LinuxPath name) {
    return name.equals(Root.NEW_FORMAT) || name.equals(LinuxPath.of("lost+found"));
  }

  /** {@return all names in a directory of the root, or in the root if the name is empty} */
  public List<LinuxPath> names(LinuxPath name) throws ErrnoException {
    if (name.isEmpty()) {
      return Listing.names(directory);
    }
    try (Fd opened = openDirectory(name)) {
      return Listing.names(opened);
    }
  }

  /** {@return a directory of the root, open} */
  public Fd openDirectory(LinuxPath name) throws ErrnoException {
    return Fcntl.openat(
        directory, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY, OpenFlag.NO_FOLLOW);
  }

  /** {@return what is known of something in the root, if it is there} */
  public Optional<FileStatus> status(LinuxPath name) throws ErrnoException {
    return Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW);
  }

  private Optional<NodeType> type(LinuxPath name) throws ErrnoException {
    return status(name).map(FileStatus::type);
  }

  /** {@return what the file {@code format} is} */
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
          : new Format.Damaged("it does not say which version and driver the root is of");
    }
  }

  /** Writes the file {@code format} anew. */
  public void writeFormat(Disk disk, Optional<String> driver) throws ErrnoException {
    Root.writeFormat(disk, directory, RootFormat.current(driver));
  }

  /** Gives up the lock. */
  @Override
  public void close() {
    lock.ifPresent(Fd::close);
    directory.close();
  }
}
