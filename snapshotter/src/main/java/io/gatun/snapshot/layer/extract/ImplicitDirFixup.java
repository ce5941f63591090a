package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.root.Disk;
import java.util.List;
import java.util.Optional;

/**
 * Gives the directories of a layer that was unpacked before the layers below it were known what
 * they would have got from those: owner, mode, extended attributes, times.
 *
 * <p>What cannot be made up for is a default access control list of a directory below: what was
 * made in the new directory meanwhile has not got it, and keeps what the layer says. containerd's
 * differ, unpacking in order, adds that list to all of it.
 */
public final class ImplicitDirFixup implements AutoCloseable {

  /** Brings a file to the disk. */
  @FunctionalInterface
  public interface Sync {
    void run(Fd file) throws ErrnoException;
  }

  private final Disk disk;
  private final LowerDirectories lowers;
  private final List<LinuxPath> below;
  private final ImplicitDirectoryList implicit;

  private final Fd top;

  private ImplicitDirFixup(Disk disk, LayerTarget target, ImplicitDirectoryList implicit, Fd top) {
    this.disk = disk;
    this.below = target.lowers();
    this.lowers = new LowerDirectories(disk, below);
    this.implicit = implicit;
    this.top = top;
  }

  /**
   * {@return the means for one layer}
   *
   * @param target the layer, with those below it that it has now
   * @param implicit what may inherit
   */
  public static ImplicitDirFixup open(Disk disk, LayerTarget target, ImplicitDirectoryList implicit)
      throws ErrnoException {
    return new ImplicitDirFixup(disk, target, implicit, SecureOpen.openTop(target.files()));
  }

  /**
   * {@return whether the layer would be the same, had it been unpacked on those below it} A default
   * access control list is what cannot be made up for.
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
      if (hasOneBelow(each) && lowers.contain(each.path())) {
        return true;
      }
    }
    return false;
  }

  private static boolean hasOneBelow(ImplicitDirectory directory) {
    return directory.inherited() != ImplicitDirectory.Inherited.GROUP;
  }

  /**
   * Does it; harmless to repeat with the same layers below.
   *
   * @param isWithTimes whether directories that are not named later get times as well
   * @return how many bytes the directories take more than before
   */
  public long run(boolean isWithTimes) throws ErrnoException {
    if (isOwnerDue()) {
      FileStatus owner = ownerBelow();
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
      case XATTRS -> lowers.inheritXattrs(directory, each.path());
      case GROUP -> inheritGroup(each.path(), directory);
      case ATTRIBUTES -> inheritAttributes(each.path(), directory, isWithTimes);
      case ATTRIBUTES_OR_GROUP -> {
        if (!inheritAttributes(each.path(), directory, isWithTimes)) {
          inheritGroup(each.path(), directory);
        }
      }
    }
  }

  /** {@return whether there are any} */
  private boolean inheritAttributes(LinuxPath path, Fd directory, boolean isWithTimes)
      throws ErrnoException {
    Optional<FileStatus> inherited = lowers.inherit(directory, path);
    if (inherited.isPresent() && isWithTimes) {
      disk.setTimes(directory, inherited.get().accessed(), inherited.get().modified());
    }
    return inherited.isPresent();
  }

  /** What is made in a directory with the set-group-id bit gets its group (mkdir(2)). */
  private void inheritGroup(LinuxPath path, Fd directory) throws ErrnoException {
    Optional<FileStatus> above = lowers.status(PathText.of(path).directory());
    FileStatus own = Stat.statx(directory);
    if (above.isPresent()
        && (above.get().mode() & Ownership.SET_GROUP_ID) != 0
        && above.get().gid() != own.gid()) {
      disk.setOwner(directory, own.uid(), above.get().gid());
    }
  }

  /** Has all of it brought to the disk. */
  public void sync(Sync sync) throws ErrnoException {
    // After the last change: on most filesystems the first sync then is one for all.
    sync.run(top);
    for (ImplicitDirectory each : implicit) {
      try (Fd directory = SecureOpen.open(top, each.path())) {
        sync.run(directory);
      }
    }
  }

  /** The top of a snapshot is made with the owner of the one below. */
  private boolean isOwnerDue() throws ErrnoException {
    FileStatus own = Stat.statx(top);
    FileStatus lower = ownerBelow();
    return own.uid() == Unistd.geteuid()
        && own.gid() == Unistd.getegid()
        && (own.uid() != lower.uid() || own.gid() != lower.gid());
  }

  private FileStatus ownerBelow() throws ErrnoException {
    try (Fd lower = LowerLayers.openTop(below.getFirst())) {
      return Stat.statx(lower);
    }
  }

  @Override
  public void close() {
    top.close();
  }
}
