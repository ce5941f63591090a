package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.Set;

/** Crash-safe file operations. */
public final class DurableFile {

  public static final int MODE = 0600;

  private DurableFile() {}

  /** Writes a whole buffer; write(2) may write less than asked. */
  static void write(Disk disk, Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    long at = offset;
    while (buffer.hasRemaining()) {
      at += disk.write(file, buffer, at);
    }
  }

  /**
   * Replaces a file atomically and durably: writes a temporary file, syncs it, renames it, and
   * syncs the directory.
   */
  public static void replace(Disk disk, Fd directory, String name, ByteBuffer content)
      throws ErrnoException {
    String temporary = MetadataFile.temporary(name);
    try (Fd file = createOver(disk, directory, temporary)) {
      write(disk, file, content, 0);
      disk.sync(file);
    }
    publish(disk, directory, temporary, name);
  }

  /** Durably gives a synced file its final name. */
  static void publish(Disk disk, Fd directory, String temporary, String name)
      throws ErrnoException {
    disk.replace(directory, MetadataFile.path(temporary), directory, MetadataFile.path(name));
    disk.sync(directory);
  }

  /** {@return a new file, replacing any leftover of an earlier attempt} */
  static Fd createOver(Disk disk, Fd directory, String name) throws ErrnoException {
    removeIfThere(disk, directory, name);
    return disk.createFile(directory, MetadataFile.path(name), MODE);
  }

  /**
   * Makes later writes reuse the blocks of a file that is still empty, which keeps them from
   * failing on a full disk. Databases ask btrfs for this; other filesystems do it without such a
   * flag.
   */
  public static void overwriteInPlace(Disk disk, Fd file) {
    try {
      disk.addInodeFlags(file, Set.of(InodeFlag.NO_COPY_ON_WRITE));
    } catch (ErrnoException e) {
      // Without it, writes only cost the filesystem more.
      return;
    }
  }

  public static void removeIfThere(Disk disk, Fd directory, String name) throws ErrnoException {
    try {
      disk.removeFile(directory, MetadataFile.path(name));
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
  }

  /** Opens an existing file for reading and writing. */
  public static Fd open(Fd directory, String name) throws ErrnoException {
    return Fcntl.openat(
        directory, MetadataFile.path(name), OpenFlag.READ_WRITE, OpenFlag.NO_FOLLOW);
  }
}
