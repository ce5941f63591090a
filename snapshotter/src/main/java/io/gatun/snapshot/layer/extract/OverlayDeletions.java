package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.root.Disk;
import java.util.Optional;

/**
 * Represents deletions as in the upper directory of an overlay
 * (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
 */
final class OverlayDeletions implements Deletions {

  private static final byte[] YES = {'y'};

  private final Disk disk;
  private final Removal removal;
  private final Ownership ownership;
  private final UsageTally tally;
  private final LinuxPath opaqueAttribute;
  private boolean hasMarks;

  OverlayDeletions(
      Disk disk,
      Removal removal,
      Ownership ownership,
      UsageTally tally,
      LinuxPath opaqueAttribute) {
    this.disk = disk;
    this.removal = removal;
    this.ownership = ownership;
    this.tally = tally;
    this.opaqueAttribute = opaqueAttribute;
  }

  @Override
  public void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    try {
      create(parent, name);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EEXIST)) {
        throw e;
      }
      removal.remove(parent.fd(), name);
      create(parent, name);
    }
    boolean isOwner = entry.uid() == ownership.uid() && entry.gid() == ownership.gid();
    if (!parent.isPlain() || !isOwner) {
      disk.setOwner(parent.fd(), name, entry.uid(), entry.gid());
    }
    tally.addEmpty();
  }

  private void create(OpenDirectory parent, LinuxPath name) throws ErrnoException {
    hasMarks = true;
    disk.createNode(parent.fd(), name, NodeType.CHARACTER_DEVICE, 0, 0, 0);
  }

  @Override
  public void opaque(OpenDirectory directory) throws ErrnoException {
    hideBelow(directory.fd());
  }

  @Override
  public boolean isWhiteout(OpenDirectory parent, LinuxPath name) throws ErrnoException {
    Optional<FileStatus> status = Stat.tryStatx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
    return status.isPresent()
        && status.get().type() == NodeType.CHARACTER_DEVICE
        && status.get().rdevMajor() == 0
        && status.get().rdevMinor() == 0;
  }

  @Override
  public void hideBelow(Fd directory) throws ErrnoException {
    hasMarks = true;
    disk.setXattr(directory, opaqueAttribute, YES);
  }

  @Override
  public boolean hasMarks() {
    return hasMarks;
  }

  @Override
  public void entered(OpenDirectory directory) {}

  @Override
  public void writes(OpenDirectory parent, LinuxPath name) {}
}
