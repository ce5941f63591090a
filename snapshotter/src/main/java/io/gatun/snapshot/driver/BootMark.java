package io.gatun.snapshot.driver;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.root.Disk;
import java.util.Optional;

/**
 * Remembers, with a snapshot, that not all that was written to it may be on the disk, and since
 * which start of the machine. As long as the machine has not been started anew, nothing is lost.
 *
 * <p>The record is a symbolic link in the snapshot's directory to the id of that start, since a
 * link is made with what it says in one step.
 */
final class BootMark {

  private final Disk disk;
  private final LinuxPath name;
  private final LinuxPath boot;

  /**
   * @param name what the record is called
   * @param boot what identifies this start of the machine
   */
  BootMark(Disk disk, LinuxPath name, String boot) {
    this.disk = disk;
    this.name = name;
    this.boot = LinuxPath.of(boot);
  }

  /** Makes the record, durably. */
  void record(Fd directory) throws ErrnoException {
    disk.createSymbolicLink(boot, directory, name);
    disk.sync(directory);
  }

  /** {@return whether there is a record} */
  boolean isRecorded(Fd directory) throws ErrnoException {
    return since(directory).isPresent();
  }

  /** {@return whether there is a record, and the machine was started since it was made} */
  boolean isOutlived(Fd directory) throws ErrnoException {
    Optional<LinuxPath> since = since(directory);
    return since.isPresent() && !since.get().equals(boot);
  }

  /** Removes the record, if there is one. */
  void remove(Fd directory) throws ErrnoException {
    try {
      disk.removeFile(directory, name);
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
  }

  private Optional<LinuxPath> since(Fd directory) throws ErrnoException {
    // Most have none, and to be told so by a failure takes longer.
    if (Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Unistd.readlinkat(directory, name));
    } catch (ErrnoException e) {
      // It may have been removed in between.
      if (e.is(Errno.ENOENT)) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
