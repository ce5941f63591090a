package io.gatun.snapshot.layer.lower;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.root.Disk;
import java.util.Optional;

/**
 * Applies the attributes of lower directories (owner, mode, extended attributes, times) to a layer
 * that was extracted before its lower layers were known.
 *
 * <p>A default access control list below cannot be applied later: what was created in the directory
 * meanwhile has not inherited it and keeps the attributes from the layer. containerd's differ,
 * which extracts in order, adds the list to all of it.
 */
public final class ImplicitDirFixup implements AutoCloseable {

  private final Disk disk;
  private final LowerTreeAttributes lowers;
  private final ImplicitDirectoryList implicit;
  private final Fd top;

  private ImplicitDirFixup(Disk disk, LayerTarget target, ImplicitDirectoryList implicit, Fd top) {
    this.disk = disk;
    this.lowers = new LowerTreeAttributes(target.lowers());
    this.implicit = implicit;
    this.top = top;
  }

  /**
   * @param target the layer with its final lower layers
   * @param implicit the directories that may inherit attributes
   */
  public static ImplicitDirFixup open(Disk disk, LayerTarget target, ImplicitDirectoryList implicit)
      throws ErrnoException {
    return new ImplicitDirFixup(disk, target, implicit, SecureOpen.openTop(target.files()));
  }

  /**
   * {@return whether the result equals an extraction on top of the lower layers} It does unless a
   * default access control list is involved.
   */
  public boolean isExact() throws ErrnoException {
    for (ImplicitDirectory each : implicit) {
      if (hasOneBelow(each) && lowers.haveDefaultAcl(each.path())) {
        return false;
      }
    }
    return true;
  }

  /** {@return whether there is anything to inherit} */
  public boolean isDue() throws ErrnoException {
    if (isOwnerDue()) {
      return true;
    }
    for (ImplicitDirectory each : implicit) {
      if (hasOneBelow(each) && lowers.status(each.path()).isPresent()) {
        return true;
      }
    }
    return false;
  }

  private static boolean hasOneBelow(ImplicitDirectory directory) {
    return directory.inherited() != ImplicitDirectory.Inherited.GROUP;
  }

  /**
   * Applies the attributes; can be repeated with the same lower layers.
   *
   * @param isWithTimes whether directories without an entry in the layer get times as well
   * @return how many more bytes the directories occupy than before
   */
  public long run(boolean isWithTimes) throws ErrnoException {
    if (isOwnerDue()) {
      FileStatus owner = lowers.statusOfTop();
      disk.setOwner(top, owner.uid(), owner.gid());
    }
    long blocks = 0;
    for (ImplicitDirectory each : implicit) {
      try (Fd directory = SecureOpen.open(top, each.path())) {
        long before = Stat.statx(directory).blocks();
        inherit(each, directory, isWithTimes);
        blocks += Stat.statx(directory).blocks() - before;
      }
    }
    return blocks * FileStatus.BLOCK_BYTES;
  }

  private void inherit(ImplicitDirectory each, Fd directory, boolean isWithTimes)
      throws ErrnoException {
    switch (each.inherited()) {
      case XATTRS -> lowers.inheritXattrs(disk, directory, each.path());
      case GROUP -> inheritGroup(each.path(), directory);
      case ATTRIBUTES -> inheritAttributes(each.path(), directory, isWithTimes);
      case ATTRIBUTES_OR_GROUP -> {
        if (!inheritAttributes(each.path(), directory, isWithTimes)) {
          inheritGroup(each.path(), directory);
        }
      }
    }
  }

  private boolean inheritAttributes(LinuxPath path, Fd directory, boolean isWithTimes)
      throws ErrnoException {
    Optional<FileStatus> inherited = lowers.inherit(disk, directory, path);
    if (inherited.isPresent() && isWithTimes) {
      disk.setTimes(directory, inherited.get().accessed(), inherited.get().modified());
    }
    return inherited.isPresent();
  }

  /** Entries in a directory with the set-group-id bit get its group (mkdir(2)). */
  private void inheritGroup(LinuxPath path, Fd directory) throws ErrnoException {
    Optional<FileStatus> above = lowers.status(PathText.parent(path));
    FileStatus own = Stat.statx(directory);
    if (above.isPresent()
        && (above.get().mode() & Ownership.SET_GROUP_ID) != 0
        && above.get().gid() != own.gid()) {
      disk.setOwner(directory, own.uid(), above.get().gid());
    }
  }

  /** Syncs all changed directories. */
  public void sync() throws ErrnoException {
    // After the last change: on most filesystems, the first sync then covers all of them.
    disk.sync(top);
    for (ImplicitDirectory each : implicit) {
      try (Fd directory = SecureOpen.open(top, each.path())) {
        disk.sync(directory);
      }
    }
  }

  /** The root of a snapshot gets the owner of the one below. */
  private boolean isOwnerDue() throws ErrnoException {
    FileStatus own = Stat.statx(top);
    FileStatus lower = lowers.statusOfTop();
    return own.uid() == Unistd.geteuid()
        && own.gid() == Unistd.getegid()
        && (own.uid() != lower.uid() || own.gid() != lower.gid());
  }

  @Override
  public void close() {
    top.close();
  }
}
