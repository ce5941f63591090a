package io.gatun.snapshot.root;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import java.nio.ByteBuffer;
import java.util.Set;

/** A disk that forwards to another; subclasses override single methods. */
public class ForwardingDisk implements Disk {

  private final Disk disk;

  protected ForwardingDisk(Disk disk) {
    this.disk = disk;
  }

  @Override
  public void createDirectory(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    disk.createDirectory(parent, name, mode);
  }

  @Override
  public Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    return disk.createFile(parent, name, mode);
  }

  @Override
  public Fd createNamelessFile(Fd directory, int mode) throws ErrnoException {
    return disk.createNamelessFile(directory, mode);
  }

  @Override
  public void createSymbolicLink(LinuxPath target, Fd parent, LinuxPath name)
      throws ErrnoException {
    disk.createSymbolicLink(target, parent, name);
  }

  @Override
  public void createHardLink(Fd fromParent, LinuxPath from, Fd parent, LinuxPath name)
      throws ErrnoException {
    disk.createHardLink(fromParent, from, parent, name);
  }

  @Override
  public void createNode(Fd parent, LinuxPath name, NodeType type, int mode, int major, int minor)
      throws ErrnoException {
    disk.createNode(parent, name, type, mode, major, minor);
  }

  @Override
  public void removeFile(Fd parent, LinuxPath name) throws ErrnoException {
    disk.removeFile(parent, name);
  }

  @Override
  public void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    disk.removeDirectory(parent, name);
  }

  @Override
  public void rename(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    disk.rename(fromParent, from, toParent, to);
  }

  @Override
  public void replace(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    disk.replace(fromParent, from, toParent, to);
  }

  @Override
  public void exchange(Fd oneParent, LinuxPath one, Fd otherParent, LinuxPath other)
      throws ErrnoException {
    disk.exchange(oneParent, one, otherParent, other);
  }

  @Override
  public void setOwner(Fd parent, LinuxPath name, int uid, int gid) throws ErrnoException {
    disk.setOwner(parent, name, uid, gid);
  }

  @Override
  public void setOwner(Fd file, int uid, int gid) throws ErrnoException {
    disk.setOwner(file, uid, gid);
  }

  @Override
  public void setMode(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    disk.setMode(parent, name, mode);
  }

  @Override
  public void setMode(Fd file, int mode) throws ErrnoException {
    disk.setMode(file, mode);
  }

  @Override
  public void setTimes(Fd parent, LinuxPath name, Timespec accessed, Timespec modified)
      throws ErrnoException {
    disk.setTimes(parent, name, accessed, modified);
  }

  @Override
  public void setTimes(Fd file, Timespec accessed, Timespec modified) throws ErrnoException {
    disk.setTimes(file, accessed, modified);
  }

  @Override
  public void setXattr(Fd parent, LinuxPath name, LinuxPath attribute, byte[] value)
      throws ErrnoException {
    disk.setXattr(parent, name, attribute, value);
  }

  @Override
  public void setXattr(Fd file, LinuxPath attribute, byte[] value) throws ErrnoException {
    disk.setXattr(file, attribute, value);
  }

  @Override
  public void removeXattr(Fd file, LinuxPath attribute) throws ErrnoException {
    disk.removeXattr(file, attribute);
  }

  @Override
  public void addInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
    disk.addInodeFlags(file, flags);
  }

  @Override
  public void removeInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
    disk.removeInodeFlags(file, flags);
  }

  @Override
  public void enableVerity(Fd file) throws ErrnoException {
    disk.enableVerity(file);
  }

  @Override
  public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    return disk.write(file, buffer, offset);
  }

  @Override
  public long copyRange(Fd source, long sourceOffset, Fd target, long targetOffset, long length)
      throws ErrnoException {
    return disk.copyRange(source, sourceOffset, target, targetOffset, length);
  }

  @Override
  public void cloneFile(Fd source, Fd target) throws ErrnoException {
    disk.cloneFile(source, target);
  }

  @Override
  public void truncate(Fd file, long sizeBytes) throws ErrnoException {
    disk.truncate(file, sizeBytes);
  }

  @Override
  public void allocate(Fd file, long offset, long length) throws ErrnoException {
    disk.allocate(file, offset, length);
  }

  @Override
  public void startWriteback(Fd file, long offset, long length) throws ErrnoException {
    disk.startWriteback(file, offset, length);
  }

  @Override
  public void sync(Fd file) throws ErrnoException {
    disk.sync(file);
  }

  @Override
  public void syncData(Fd file) throws ErrnoException {
    disk.syncData(file);
  }

  @Override
  public void syncFilesystem(Fd any) throws ErrnoException {
    disk.syncFilesystem(any);
  }
}
