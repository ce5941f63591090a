package io.gatun.snapshot.driver;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.root.Disk;
import java.util.Optional;

/**
 * Records that a snapshot may not be fully on disk, and since which boot of the machine. Nothing is
 * lost until the next boot.
 *
 * <p>The record is a symbolic link in the snapshot's directory whose target is the boot id, because
 * a link is created with its content in one step.
 */
final class BootMark {

  private final Disk disk;
  private final LinuxPath name;
  private final LinuxPath boot;

  /**
   * @param name of the record
   * @param boot id of the current boot
   */
  BootMark(Disk disk, LinuxPath name, String boot) {
    this.disk = disk;
    this.name = name;
    this.boot = LinuxPath.of(boot);
  }

  /** Creates the record durably. */
  void record(Fd directory) throws ErrnoException {
    disk.createSymbolicLink(boot, directory, name);
    disk.sync(directory);
  }

  boolean isRecorded(Fd directory) throws ErrnoException {
    return since(directory).isPresent();
  }

  /** {@return whether there is a record from an earlier boot} */
  boolean isOutlived(Fd directory) throws ErrnoException {
    Optional<LinuxPath> since = since(directory);
    return since.isPresent() && !since.get().equals(boot);
  }

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
    // Most snapshots have none, and a failing readlink takes longer.
    if (Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW).isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Unistd.readlinkat(directory, name));
    } catch (ErrnoException e) {
      // It was removed meanwhile.
      if (e.is(Errno.ENOENT)) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
