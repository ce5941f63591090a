package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Fcntl.FallocateFlag;
import io.gatun.linux.file.Ioctl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Timespec;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Unistd.RenameFlag;
import io.gatun.linux.file.Xattr;
import java.nio.ByteBuffer;
import java.util.Set;

/**
 * The real disk. Each effect is one system call and therefore atomic.
 *
 * <p>Modes are subject to the process's umask; callers that need exact modes clear it at the start.
 */
public final class LinuxDisk implements Disk {

  private static final LinuxPath SELF = LinuxPath.of(".");

  @Override
  public void createDirectory(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    Stat.mkdirat(parent, name, mode);
  }

  @Override
  public Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    // O_EXCL does not follow a symbolic link, not even a dangling one.
    return Fcntl.openat(
        parent, name, mode, OpenFlag.READ_WRITE, OpenFlag.CREATE, OpenFlag.EXCLUSIVE);
  }

  @Override
  public Fd createNamelessFile(Fd directory, int mode) throws ErrnoException {
    return Fcntl.openat(
        directory, SELF, mode, OpenFlag.READ_WRITE, OpenFlag.TEMPORARY, OpenFlag.EXCLUSIVE);
  }

  @Override
  public void createSymbolicLink(LinuxPath target, Fd parent, LinuxPath name)
      throws ErrnoException {
    Unistd.symlinkat(target, parent, name);
  }

  @Override
  public void createHardLink(Fd fromParent, LinuxPath from, Fd parent, LinuxPath name)
      throws ErrnoException {
    Unistd.linkat(fromParent, from, parent, name);
  }

  @Override
  public void createNode(Fd parent, LinuxPath name, NodeType type, int mode, int major, int minor)
      throws ErrnoException {
    Stat.mknodat(parent, name, type, mode, major, minor);
  }

  @Override
  public void removeFile(Fd parent, LinuxPath name) throws ErrnoException {
    Unistd.unlinkat(parent, name);
  }

  @Override
  public void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    Unistd.unlinkat(parent, name, AtFlag.REMOVE_DIRECTORY);
  }

  @Override
  public void rename(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    Unistd.renameat2(fromParent, from, toParent, to, RenameFlag.NO_REPLACE);
  }

  @Override
  public void replace(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    Unistd.renameat2(fromParent, from, toParent, to);
  }

  @Override
  public void exchange(Fd oneParent, LinuxPath one, Fd otherParent, LinuxPath other)
      throws ErrnoException {
    Unistd.renameat2(oneParent, one, otherParent, other, RenameFlag.EXCHANGE);
  }

  @Override
  public void setOwner(Fd parent, LinuxPath name, int uid, int gid) throws ErrnoException {
    Unistd.fchownat(parent, name, uid, gid, AtFlag.SYMLINK_NOFOLLOW);
  }

  @Override
  public void setOwner(Fd file, int uid, int gid) throws ErrnoException {
    Unistd.fchown(file, uid, gid);
  }

  @Override
  public void setMode(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    Stat.fchmodat2(parent, name, mode, AtFlag.SYMLINK_NOFOLLOW);
  }

  @Override
  public void setMode(Fd file, int mode) throws ErrnoException {
    Stat.fchmod(file, mode);
  }

  @Override
  public void setTimes(Fd parent, LinuxPath name, Timespec accessed, Timespec modified)
      throws ErrnoException {
    Stat.utimensat(parent, name, accessed, modified, AtFlag.SYMLINK_NOFOLLOW);
  }

  @Override
  public void setTimes(Fd file, Timespec accessed, Timespec modified) throws ErrnoException {
    Stat.futimens(file, accessed, modified);
  }

  @Override
  public void setXattr(Fd parent, LinuxPath name, LinuxPath attribute, byte[] value)
      throws ErrnoException {
    Xattr.lsetxattr(parent, name, attribute, value);
  }

  @Override
  public void setXattr(Fd file, LinuxPath attribute, byte[] value) throws ErrnoException {
    Xattr.fsetxattr(file, attribute, value);
  }

  @Override
  public void removeXattr(Fd file, LinuxPath attribute) throws ErrnoException {
    Xattr.fremovexattr(file, attribute);
  }

  @Override
  public void addInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
    Ioctl.changeInodeFlags(file, flags, Set.of());
  }

  @Override
  public void removeInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
    Ioctl.changeInodeFlags(file, Set.of(), flags);
  }

  @Override
  public void enableVerity(Fd file) throws ErrnoException {
    Ioctl.enableVerity(file);
  }

  @Override
  public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    return Unistd.pwrite(file, buffer, offset);
  }

  @Override
  public long copyRange(Fd source, long sourceOffset, Fd target, long targetOffset, long length)
      throws ErrnoException {
    return Unistd.copyFileRange(source, sourceOffset, target, targetOffset, length);
  }

  @Override
  public void cloneFile(Fd source, Fd target) throws ErrnoException {
    Ioctl.ficlone(target, source);
  }

  @Override
  public void truncate(Fd file, long sizeBytes) throws ErrnoException {
    Unistd.ftruncate(file, sizeBytes);
  }

  @Override
  public void allocate(Fd file, long offset, long length) throws ErrnoException {
    Fcntl.fallocate(file, offset, length, FallocateFlag.KEEP_SIZE);
  }

  @Override
  public void startWriteback(Fd file, long offset, long length) throws ErrnoException {
    Fcntl.syncFileRange(file, offset, length);
  }

  @Override
  public void sync(Fd file) throws ErrnoException {
    Unistd.fsync(file);
  }

  @Override
  public void syncData(Fd file) throws ErrnoException {
    Unistd.fdatasync(file);
  }

  @Override
  public void syncFilesystem(Fd any) throws ErrnoException {
    Unistd.syncfs(any);
  }
}
