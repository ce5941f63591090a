package io.gatun.snapshot.metadata.journal;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.InodeFlag;
import io.gatun.linux.OpenFlag;
import io.gatun.snapshot.root.Disk;
import java.nio.ByteBuffer;
import java.util.Set;

/** What is done to files here, in the order that a power cut asks for. */
public final class DurableFile {

  public static final int MODE = 0600;

  private DurableFile() {}

  /** Writes all of a buffer; write(2) may take several calls for it. */
  static void write(Disk disk, Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    long at = offset;
    while (buffer.hasRemaining()) {
      at += disk.write(file, buffer, at);
    }
  }

  /**
   * Makes a whole file appear under its name, or nothing: written under another name, synced,
   * renamed, and the rename synced.
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

  /** Gives a file that is durable its final name, durably. */
  static void publish(Disk disk, Fd directory, String temporary, String name)
      throws ErrnoException {
    disk.replace(directory, MetadataFile.path(temporary), directory, MetadataFile.path(name));
    disk.sync(directory);
  }

  /** {@return a new file in place of what an earlier attempt may have left} */
  static Fd createOver(Disk disk, Fd directory, String name) throws ErrnoException {
    removeIfThere(disk, directory, name);
    return disk.createFile(directory, MetadataFile.path(name), MODE);
  }

  /**
   * Has what is written over the content of a file that is still empty go to the same blocks, for
   * which a full disk has room. Databases ask btrfs for this; other filesystems do it anyway, and
   * have no such flag.
   */
  public static void overwriteInPlace(Disk disk, Fd file) {
    try {
      disk.addInodeFlags(file, Set.of(InodeFlag.NO_COPY_ON_WRITE));
    } catch (ErrnoException e) {
      // Then each write costs the filesystem some more work, and that is all.
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

  /** {@return a file that is there, for reading and writing} */
  public static Fd open(Fd directory, String name) throws ErrnoException {
    return Fcntl.openat(
        directory, MetadataFile.path(name), OpenFlag.READ_WRITE, OpenFlag.NO_FOLLOW);
  }
}
