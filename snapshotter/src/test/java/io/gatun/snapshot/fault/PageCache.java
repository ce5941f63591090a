package io.gatun.snapshot.fault;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.ForwardingDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;

/**
 * A disk that knows which of its effects are only in memory so far, and can take those back as a
 * power cut would.
 *
 * <p>The model is of Linux filesystems with a journal, at its least generous:
 *
 * <ul>
 *   <li>Changes of names happen in one order. A power cut leaves the first so many of them. An
 *       fsync(2) of a directory keeps all up to the last one in that directory (ext4, XFS and btrfs
 *       log in order, and force their log up to there); that of a file keeps none, though real ones
 *       often do.
 *   <li>Content goes to the disk in sectors, in any order, and is there for certain after an
 *       fsync(2) or fdatasync(2) of the file. A file that was never synced is empty after a power
 *       cut, however old it is.
 *   <li>A sync that fails drops what it was to write: it can still be read, no later sync writes
 *       it, and a power cut takes it back.
 *   <li>Attributes are not modelled: they are as a power cut finds them.
 * </ul>
 *
 * <p>What a killed process has done is in memory all the same, so one cache outlives the daemons on
 * it. What a process does to a mapped file is unknown here, so such a file ({@code *.index}) holds
 * rubbish after a power cut unless it was synced last.
 *
 * <p>Not safe for use by several threads; {@link FaultyDisk} lets one effect through at a time.
 */
public final class PageCache extends ForwardingDisk {

  private final Path top;
  private final UnsyncedNames names;
  private final UnsyncedContent content;

  /**
   * @param top below which all files are
   * @param stash an empty directory elsewhere on the same filesystem, for what has to come back
   */
  public PageCache(Disk disk, Path top, Path stash) {
    super(disk);
    this.top = top;
    this.names = new UnsyncedNames(top, stash);
    this.content = new UnsyncedContent();
  }

  /**
   * Takes back everything that is not on the disk for certain. No process may have anything open.
   */
  public void cutPower() throws IOException {
    names.undoAfter(0);
    content.loseAll(top);
  }

  /**
   * Takes back some of what is not on the disk for certain.
   *
   * @param random decides what
   */
  public void cutPower(Random random) throws IOException {
    names.undoAfter(random.nextInt(names.count() + 1));
    content.loseSome(top, random);
  }

  /** Takes note that another process made a file, wrote to it and closed it, without a sync. */
  public void wroteElsewhere(Path file) throws IOException {
    names.created(file);
    content.created(file);
  }

  /** What a failed sync of a file does. */
  void loseUnsynced(Fd file) {
    content.dropped(file);
  }

  /** What a failed sync of the filesystem does. */
  void loseUnsynced() {
    content.droppedAll();
  }

  // Names.

  @Override
  public void createDirectory(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    super.createDirectory(parent, name, mode);
    names.created(RealPath.of(parent, name));
  }

  @Override
  public Fd createFile(Fd parent, LinuxPath name, int mode) throws ErrnoException {
    Fd created = super.createFile(parent, name, mode);
    names.created(RealPath.of(parent, name));
    content.created(created);
    return created;
  }

  @Override
  public Fd createNamelessFile(Fd directory, int mode) throws ErrnoException {
    Fd created = super.createNamelessFile(directory, mode);
    content.created(created);
    return created;
  }

  @Override
  public void createSymbolicLink(LinuxPath target, Fd parent, LinuxPath name)
      throws ErrnoException {
    super.createSymbolicLink(target, parent, name);
    names.created(RealPath.of(parent, name));
  }

  @Override
  public void createHardLink(Fd fromParent, LinuxPath from, Fd parent, LinuxPath name)
      throws ErrnoException {
    super.createHardLink(fromParent, from, parent, name);
    names.created(RealPath.of(parent, name));
  }

  @Override
  public void createNode(Fd parent, LinuxPath name, NodeType type, int mode, int major, int minor)
      throws ErrnoException {
    super.createNode(parent, name, type, mode, major, minor);
    names.created(RealPath.of(parent, name));
  }

  @Override
  public void removeFile(Fd parent, LinuxPath name) throws ErrnoException {
    UnsyncedNames.Stashed stashed = names.stash(RealPath.of(parent, name));
    super.removeFile(parent, name);
    names.removed(stashed);
  }

  @Override
  public void removeDirectory(Fd parent, LinuxPath name) throws ErrnoException {
    super.removeDirectory(parent, name);
    names.removedDirectory(RealPath.of(parent, name));
  }

  @Override
  public void rename(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    super.rename(fromParent, from, toParent, to);
    names.renamed(RealPath.of(fromParent, from), RealPath.of(toParent, to));
  }

  @Override
  public void replace(Fd fromParent, LinuxPath from, Fd toParent, LinuxPath to)
      throws ErrnoException {
    UnsyncedNames.Stashed stashed = names.stash(RealPath.of(toParent, to));
    super.replace(fromParent, from, toParent, to);
    names.removed(stashed);
    names.renamed(RealPath.of(fromParent, from), RealPath.of(toParent, to));
  }

  @Override
  public void exchange(Fd oneParent, LinuxPath one, Fd otherParent, LinuxPath other)
      throws ErrnoException {
    super.exchange(oneParent, one, otherParent, other);
    names.exchanged(RealPath.of(oneParent, one), RealPath.of(otherParent, other));
  }

  // Content.

  @Override
  public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
    content.touch(file);
    int written = super.write(file, buffer, offset);
    content.wrote(file, offset, written);
    return written;
  }

  @Override
  public long copyRange(Fd source, long sourceOffset, Fd target, long targetOffset, long length)
      throws ErrnoException {
    content.touch(target);
    long copied = super.copyRange(source, sourceOffset, target, targetOffset, length);
    content.wrote(target, targetOffset, copied);
    return copied;
  }

  @Override
  public void cloneFile(Fd source, Fd target) throws ErrnoException {
    content.touch(target);
    super.cloneFile(source, target);
    content.wroteAll(target);
  }

  @Override
  public void truncate(Fd file, long sizeBytes) throws ErrnoException {
    content.touch(file);
    super.truncate(file, sizeBytes);
    content.wroteAll(file);
  }

  // Durability.

  @Override
  public void sync(Fd file) throws ErrnoException {
    super.sync(file);
    content.synced(file);
    names.synced(RealPath.of(file));
  }

  @Override
  public void syncData(Fd file) throws ErrnoException {
    super.syncData(file);
    content.synced(file);
  }

  @Override
  public void syncFilesystem(Fd any) throws ErrnoException {
    // The memory that this is for has no disk; and the real one belongs to others, too.
    content.syncedAll(top);
    names.syncedAll();
  }
}
