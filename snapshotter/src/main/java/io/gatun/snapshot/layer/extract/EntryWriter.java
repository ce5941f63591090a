package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.entry.OpenedFile;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.root.Disk;
import org.jspecify.annotations.Nullable;

/**
 * Creates entries. An existing entry is removed unless both are directories; it is detected by the
 * failure of the creation, which saves a lookup.
 */
final class EntryWriter {

  @FunctionalInterface
  private interface Creation<T> {
    T create() throws ErrnoException;
  }

  private final Disk disk;
  private final Ownership ownership;
  private final EntryAttributes attributes;
  private final FileFiller filler;
  private final Directories directories;
  private final DirectoryCache cache;
  private final DeferredAttributes ledger;
  private final Deletions deletions;
  private final Removal removal;
  private final UsageTally tally;

  EntryWriter(
      Extraction extraction,
      FileFiller filler,
      Directories directories,
      Deletions deletions,
      Removal removal) {
    this.disk = extraction.disk();
    this.ownership = extraction.ownership();
    this.attributes = new EntryAttributes(disk, ownership);
    this.cache = extraction.cache();
    this.ledger = extraction.ledger();
    this.tally = extraction.tally();
    this.filler = filler;
    this.directories = directories;
    this.deletions = deletions;
    this.removal = removal;
  }

  /** {@return a file that awaits its content and is closed by the caller, or null} */
  @Nullable OpenedFile make(LayerEntry entry) throws ErrnoException {
    OpenDirectory parent = directories.require(entry.path().directory());
    if (entry instanceof LayerEntry.Creation) {
      deletions.writes(parent, entry.path().name());
    }
    switch (entry) {
      case LayerEntry.RegularFile file -> {
        return make(parent, file);
      }
      case LayerEntry.Directory directory -> write(parent, directory);
      case LayerEntry.SymbolicLink link -> write(parent, link);
      case LayerEntry.HardLink link -> write(parent, link);
      case LayerEntry.Node node -> write(parent, node);
      case LayerEntry.Whiteout whiteout -> deletions.whiteout(parent, whiteout);
      case LayerEntry.OpaqueDirectory _ -> deletions.opaque(parent);
    }
    return null;
  }

  private OpenedFile make(OpenDirectory parent, LayerEntry.RegularFile entry)
      throws ErrnoException {
    LinuxPath name = entry.path().name();
    int mode = Ownership.creationMode(entry.attributes().mode());
    Fd file = create(parent, name, () -> disk.createFile(parent.fd(), name, mode));
    return new NewFile(filler, file, entry, parent.isPlain());
  }

  private void write(OpenDirectory parent, LayerEntry.SymbolicLink entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    create(
        parent,
        name,
        () -> {
          disk.createSymbolicLink(entry.target(), parent.fd(), name);
          return name;
        });
    finishNode(parent, name, NodeType.SYMBOLIC_LINK, entry.attributes());
  }

  private void write(OpenDirectory parent, LayerEntry.Node entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    int mode = Ownership.creationMode(entry.attributes().mode());
    create(
        parent,
        name,
        () -> {
          disk.createNode(parent.fd(), name, entry.type(), mode, entry.major(), entry.minor());
          return name;
        });
    finishNode(parent, name, entry.type(), entry.attributes());
  }

  private void finishNode(
      OpenDirectory parent, LinuxPath name, NodeType type, LayerAttributes attributesToSet)
      throws ErrnoException {
    attributes.finishNode(parent, name, type, attributesToSet);
    // A long link target or extended attributes may take a block on some filesystems.
    if (type == NodeType.SYMBOLIC_LINK || !attributesToSet.xattrs().isEmpty()) {
      tally.add(Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW));
    } else {
      tally.addEmpty();
    }
  }

  private void write(OpenDirectory parent, LayerEntry.HardLink entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    LayerPath target = entry.target();
    create(
        parent,
        name,
        () -> {
          // Look up again at the second attempt: the removed entry may have been on the path.
          OpenDirectory from = directories.find(target.directory());
          disk.createHardLink(from.fd(), target.name(), parent.fd(), name);
          return name;
        });
    FileStatus before = attributes.finishHardLink(parent, name, entry.attributes());
    // The file was counted under its first name, but extended attributes may take a block of their
    // own, and chown(2) removes some.
    FileStatus after = Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
    tally.addBlocks(after.blocks() - before.blocks());
  }

  private <T> T create(OpenDirectory parent, LinuxPath name, Creation<T> creation)
      throws ErrnoException {
    try {
      return creation.create();
    } catch (ErrnoException e) {
      if (!e.is(Errno.EEXIST)) {
        throw e;
      }
    }
    removal.remove(parent.fd(), name);
    return creation.create();
  }

  private void write(OpenDirectory parent, LayerEntry.Directory entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    int mode = Ownership.creationMode(entry.attributes().mode());
    boolean isHidingBelow = false;
    try {
      disk.createDirectory(parent.fd(), name, mode);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EEXIST)) {
        throw e;
      }
      FileStatus status = Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
      if (status.type() == NodeType.DIRECTORY) {
        merge(parent, entry);
        return;
      }
      isHidingBelow = deletions.isWhiteout(parent, name);
      removal.remove(parent.fd(), name);
      disk.createDirectory(parent.fd(), name, mode);
    }
    Fd fd = SecureOpen.openChild(parent.fd(), name);
    boolean isKept = false;
    try {
      attributes.beginDirectory(fd, entry.attributes(), parent.isPlain());
      if (isHidingBelow) {
        deletions.hideBelow(fd);
      }
      ledger.made(new LayerPath(parent.path(), name), entry.attributes());
      boolean isPlain =
          (parent.isPlain() && ownership.isPlain(entry.attributes())) || ownership.isPlain(fd);
      directories.enter(parent, name, fd, isPlain);
      isKept = true;
    } finally {
      if (!isKept) {
        fd.close();
      }
    }
  }

  private void merge(OpenDirectory parent, LayerEntry.Directory entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    Fd fd = SecureOpen.openChild(parent.fd(), name);
    boolean isKept = false;
    try {
      attributes.mergeDirectory(fd, entry.attributes());
      ledger.merged(new LayerPath(parent.path(), name), entry.attributes());
      boolean isPlain = ownership.isPlain(fd);
      if (!isPlain) {
        // Other cached paths of this directory may claim that it is plain.
        cache.invalidate();
      }
      directories.enter(parent, name, fd, isPlain);
      isKept = true;
    } finally {
      if (!isKept) {
        fd.close();
      }
    }
  }
}
