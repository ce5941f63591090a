package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import java.nio.ByteBuffer;
import java.util.Set;

/**
 * Every effect that Gatun has on a filesystem. Reading does not go through here.
 *
 * <p>Names are single components or relative paths below an open directory; the last component is
 * never followed if it is a symbolic link. Each effect is atomic: after an {@link ErrnoException}
 * it did not happen. Exceptions are {@link #write} and {@link #copyRange}, which may be partial,
 * and the three syncs, after whose failure no earlier write can be trusted (the kernel drops pages
 * that it failed to write).
 */
public interface Disk {

  // Names.

  void createDirectory(Fd parent, LinuxPath name, int mode) throws ErrnoException;

  /**
   * {@return a new, empty file open for reading and writing} Fails with {@code EEXIST} if the name
   * is taken.
   */
  Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException;

  /**
   * {@return a new, empty file open for reading and writing, which never gets a name}
   *
   * @param directory a directory on its filesystem; it does not change
   */
  Fd createNamelessFile(Fd directory, int mode) throws ErrnoException;

  void createSymbolicLink(LinuxPath target, Fd parent, LinuxPath name) throws ErrnoException;

  /** Links to {@code from} itself, also when that is a symbolic link. */
  void createHardLink(Fd fromParent, LinuxPath from, Fd parent, LinuxPath name)
      throws ErrnoException;

  void createNode(Fd parent, LinuxPath name, NodeType type, int mode, int major, int minor)
      throws ErrnoException;

  void removeFile(Fd parent, LinuxPath name) throws ErrnoException;

  void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException;

  /** Moves to a name that must be free; {@code EEXIST} if it is not. */
  void rename(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to) throws ErrnoException;

  /** Renames, replacing the target if it exists. */
  void replace(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to) throws ErrnoException;

  /** Swaps two names atomically. */
  void exchange(Fd oneParent, LinuxPath one, Fd otherParent, LinuxPath other) throws ErrnoException;

  // Attributes.

  void setOwner(Fd parent, LinuxPath name, int uid, int gid) throws ErrnoException;

  void setOwner(Fd file, int uid, int gid) throws ErrnoException;

  void setMode(Fd parent, LinuxPath name, int mode) throws ErrnoException;

  void setMode(Fd file, int mode) throws ErrnoException;

  void setTimes(Fd parent, LinuxPath name, Timespec accessed, Timespec modified)
      throws ErrnoException;

  void setTimes(Fd file, Timespec accessed, Timespec modified) throws ErrnoException;

  void setXattr(Fd parent, LinuxPath name, LinuxPath attribute, byte[] value) throws ErrnoException;

  void setXattr(Fd file, LinuxPath attribute, byte[] value) throws ErrnoException;

  void removeXattr(Fd file, LinuxPath attribute) throws ErrnoException;

  /** Sets the given inode flags (FS_IOC_SETFLAGS) and clears none. */
  void addInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException;

  /** Clears the given inode flags (FS_IOC_SETFLAGS) and sets none. */
  void removeInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException;

  /** Enables fs-verity: the kernel verifies all reads, and the file becomes read-only. */
  void enableVerity(Fd file) throws ErrnoException;

  // Content.

  /** {@return the number of bytes written at the offset, at least one} */
  int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException;

  /** {@return the number of bytes that copy_file_range(2) copied, 0 at the end of the source} */
  long copyRange(Fd source, long sourceOffset, Fd target, long targetOffset, long length)
      throws ErrnoException;

  /** Makes the target share all blocks of the source (FICLONE). */
  void cloneFile(Fd source, Fd target) throws ErrnoException;

  void truncate(Fd file, long sizeBytes) throws ErrnoException;

  /** Reserves blocks without changing the size of the file. */
  void allocate(Fd file, long offset, long length) throws ErrnoException;

  // Durability.

  /** Starts writeback of a range without waiting; a hint, not a barrier. */
  void startWriteback(Fd file, long offset, long length) throws ErrnoException;

  /** fsync(2) of a file or a directory. */
  void sync(Fd file) throws ErrnoException;

  /** fdatasync(2): the content and what is needed to read it back. */
  void syncData(Fd file) throws ErrnoException;

  /** syncfs(2) of the filesystem that the descriptor is on. */
  void syncFilesystem(Fd any) throws ErrnoException;
}
