package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.FileSink;
import io.gatun.snapshot.layer.entry.FileSink.OpenedFile;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.layer.lower.LowerTreeAttributes;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Extracts one layer into the directory of a snapshot. Later entries replace earlier ones,
 * directories are merged, and missing parents are created.
 *
 * <p>The rules and the resulting attributes are those of containerd's package archive, except:
 *
 * <ul>
 *   <li>A link on the path of an entry whose target leads through another link or upwards is
 *       resolved as the kernel would in a container. containerd concatenates the texts, and looks
 *       at files outside the tree.
 *   <li>The times of a directory that the layer later removes or replaces are dropped. containerd
 *       sets them on another file there, or fails if there is none.
 *   <li>Inherited times are set at the end; with containerd, the first file created in the
 *       directory changes them. Overlayfs's own attributes {@code user.overlay.*} are not
 *       inherited.
 *   <li>If the lower layers have a file or a link loop in place of a missing parent, nothing is
 *       inherited; containerd fails.
 *   <li>An opaque directory keeps all that the layer has written below it. containerd removes
 *       entries in implicit directories if the mark comes later.
 *   <li>A whiteout removes what the same layer has written, in an overlay as in a copy; in an
 *       overlay, containerd fails. A directory that replaces a whiteout hides the lower content, in
 *       an overlay as in a copy.
 * </ul>
 *
 * <p>Skips devices in a user namespace, where they cannot be created.
 *
 * <p>Not thread-safe, but another thread may fill the files it creates. Nothing is synced.
 */
public final class TreeWriter implements FileSink, AutoCloseable {

  /** Enough for about 30,000 directories, or 100,000 entries of a copy. */
  private static final long RESIDENT_BYTES = 4L << 20;

  /** Maps all ids to themselves, except the invalid one: user_namespaces(7). */
  private static final List<String> INITIAL_NAMESPACE = List.of("0", "0", "4294967295");

  @FunctionalInterface
  private interface Creation {
    void create() throws ErrnoException;
  }

  private final Extraction layer;
  private final Disk disk;
  private final OpenDirectory top;
  private final PagedMemory memory;
  private final EntryAttributes attributes;
  private final FileFiller filler;
  private final Deletions deletions;
  private final Directories directories;
  private final boolean canCreateDevices;

  private TreeWriter(
      Extraction layer, LayerTarget target, boolean isWrittenBackEarly, PagedMemory memory) {
    this.layer = layer;
    this.disk = layer.disk();
    this.top = layer.top();
    this.memory = memory;
    this.attributes = new EntryAttributes(disk, layer.ownership());
    this.filler = new FileFiller(layer, attributes, isWrittenBackEarly);
    this.canCreateDevices = isInInitialUserNamespace();
    this.deletions =
        switch (target.deletions()) {
          case OVERLAY -> new Deletions.Overlay(layer, "trusted.overlay.opaque");
          case OVERLAY_USERXATTR -> new Deletions.Overlay(layer, "user.overlay.opaque");
          case IN_PLACE -> {
            // The existing files were not counted.
            layer.tally().giveUp();
            yield new Deletions.InPlace(layer, memory);
          }
        };
    this.directories = new Directories(layer, new LowerTreeAttributes(target.lowers()), deletions);
  }

  /**
   * @param isWrittenBackEarly whether writeback of large files starts before they are complete,
   *     which shortens a final sync but costs time if there is none
   */
  public static TreeWriter open(Disk disk, LayerTarget target, boolean isWrittenBackEarly)
      throws ErrnoException {
    return open(disk, target, isWrittenBackEarly, RESIDENT_BYTES);
  }

  static TreeWriter open(
      Disk disk, LayerTarget target, boolean isWrittenBackEarly, long residentBytes)
      throws ErrnoException {
    Ownership ownership = Ownership.ofProcess();
    Fd fd = SecureOpen.openTop(target.files());
    PagedMemory memory = new PagedMemory(new Spill(disk, fd), residentBytes);
    try {
      Extraction layer =
          new Extraction(
              disk,
              new OpenDirectory(fd, LinuxPath.EMPTY, ownership.isPlain(fd)),
              ownership,
              new DirectoryCache(),
              new DeferredAttributes(memory),
              new UsageTally(Statfs.fstatfs(fd).blockSizeBytes()));
      return new TreeWriter(layer, target, isWrittenBackEarly, memory);
    } catch (Throwable e) {
      memory.close();
      fd.close();
      throw e;
    }
  }

  private static boolean isInInitialUserNamespace() {
    Path map = Path.of("/proc/self/uid_map");
    try {
      return List.of(Files.readString(map).strip().split("\\s+")).equals(INITIAL_NAMESPACE);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + map, e);
    }
  }

  /**
   * Creates one entry. After a failure, the layer must be abandoned.
   *
   * @throws TreeWriteException if a call fails
   * @throws UnsupportedLayerException if there are too many entries for the deferred attributes,
   *     even with the spill
   */
  @Override
  public @Nullable OpenedFile make(LayerEntry entry)
      throws TreeWriteException, UnsupportedLayerException {
    if (memory.isFull()) {
      throw new UnsupportedLayerException("the layer has too many entries");
    }
    directories.release();
    if (isDevice(entry) && !canCreateDevices) {
      return null;
    }
    try {
      return create(entry);
    } catch (ErrnoException e) {
      throw new TreeWriteException(entry.path().whole(), e);
    }
  }

  private static boolean isDevice(LayerEntry entry) {
    return entry instanceof LayerEntry.Node node && node.type() != NodeType.FIFO;
  }

  private @Nullable OpenedFile create(LayerEntry entry) throws ErrnoException {
    OpenDirectory parent = directories.require(entry.path().directory());
    if (entry instanceof LayerEntry.Creation) {
      deletions.writes(parent, entry.path().name());
    }
    switch (entry) {
      case LayerEntry.RegularFile file -> {
        return create(parent, file);
      }
      case LayerEntry.Directory directory -> create(parent, directory);
      case LayerEntry.SymbolicLink link -> create(parent, link);
      case LayerEntry.HardLink link -> create(parent, link);
      case LayerEntry.Node node -> create(parent, node);
      case LayerEntry.Whiteout whiteout -> deletions.whiteout(parent, whiteout);
      case LayerEntry.OpaqueDirectory _ -> deletions.opaque(parent);
    }
    return null;
  }

  private OpenedFile create(OpenDirectory parent, LayerEntry.RegularFile entry)
      throws ErrnoException {
    LinuxPath name = entry.path().name();
    int mode = Ownership.creationMode(entry.attributes().mode());
    Fd file;
    try {
      file = disk.createFile(parent.fd(), name, mode);
    } catch (ErrnoException e) {
      removeExisting(parent, name, e);
      file = disk.createFile(parent.fd(), name, mode);
    }
    return new FileFiller.NewFile(filler, file, entry, parent.isPlain());
  }

  private void create(OpenDirectory parent, LayerEntry.SymbolicLink entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    create(parent, name, () -> disk.createSymbolicLink(entry.target(), parent.fd(), name));
    finishNode(parent, name, NodeType.SYMBOLIC_LINK, entry.attributes());
  }

  private void create(OpenDirectory parent, LayerEntry.Node entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    int mode = Ownership.creationMode(entry.attributes().mode());
    create(
        parent,
        name,
        () -> disk.createNode(parent.fd(), name, entry.type(), mode, entry.major(), entry.minor()));
    finishNode(parent, name, entry.type(), entry.attributes());
  }

  private void finishNode(
      OpenDirectory parent, LinuxPath name, NodeType type, LayerAttributes wanted)
      throws ErrnoException {
    attributes.finishNode(parent.fd(), name, type, wanted, parent.isPlain());
    // A long link target or extended attributes may take a block on some filesystems.
    if (type == NodeType.SYMBOLIC_LINK || !wanted.xattrs().isEmpty()) {
      layer.tally().add(Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW));
    } else {
      layer.tally().addEmpty();
    }
  }

  private void create(OpenDirectory parent, LayerEntry.HardLink entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    LayerPath target = entry.target();
    create(
        parent,
        name,
        () -> {
          // Look up again at the second attempt: the removed entry may have been on the path.
          OpenDirectory from = directories.find(target.directory());
          disk.createHardLink(from.fd(), target.name(), parent.fd(), name);
        });
    FileStatus before = Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
    // All attributes are set, because chown(2) clears some that the entry does not mention.
    attributes.finishNode(parent.fd(), name, before.type(), entry.attributes(), false);
    // The file was counted under its first name, but extended attributes may take a block of their
    // own, and chown(2) removes some.
    FileStatus after = Stat.statx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
    layer.tally().addBlocks(after.blocks() - before.blocks());
  }

  /**
   * Creates an entry and removes an existing one, which the failure of the creation detects: that
   * saves a lookup.
   */
  private void create(OpenDirectory parent, LinuxPath name, Creation creation)
      throws ErrnoException {
    try {
      creation.create();
    } catch (ErrnoException e) {
      removeExisting(parent, name, e);
      creation.create();
    }
  }

  private void removeExisting(OpenDirectory parent, LinuxPath name, ErrnoException failure)
      throws ErrnoException {
    if (!failure.is(Errno.EEXIST)) {
      throw failure;
    }
    layer.remove(parent.fd(), name);
  }

  private void create(OpenDirectory parent, LayerEntry.Directory entry) throws ErrnoException {
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
      layer.remove(parent.fd(), name);
      disk.createDirectory(parent.fd(), name, mode);
    }
    Fd fd = SecureOpen.openChild(parent.fd(), name);
    try {
      attributes.setAllButTimes(fd, entry.attributes(), parent.isPlain());
      if (isHidingBelow) {
        deletions.hideBelow(fd);
      }
      layer.ledger().made(new LayerPath(parent.path(), name), entry.attributes());
      Ownership ownership = layer.ownership();
      boolean isPlain =
          (parent.isPlain() && ownership.isPlain(entry.attributes())) || ownership.isPlain(fd);
      directories.enter(parent, name, fd, isPlain);
    } catch (Throwable e) {
      fd.close();
      throw e;
    }
  }

  private void merge(OpenDirectory parent, LayerEntry.Directory entry) throws ErrnoException {
    LinuxPath name = entry.path().name();
    Fd fd = SecureOpen.openChild(parent.fd(), name);
    try {
      attributes.setAllButTimes(fd, entry.attributes(), false);
      layer.ledger().merged(new LayerPath(parent.path(), name), entry.attributes());
      boolean isPlain = layer.ownership().isPlain(fd);
      if (!isPlain) {
        // Other cached paths of this directory may claim that it is plain.
        layer.cache().invalidate();
      }
      directories.enter(parent, name, fd, isPlain);
    } catch (Throwable e) {
      fd.close();
      throw e;
    }
  }

  /** Finishes the layer after all entries were created and filled. */
  public TreeResult finish() throws IOException {
    layer.tally().add(Stat.statx(top.fd()));
    Optional<ImplicitDirectoryList> implicit =
        layer.ledger().finish(disk, directories, layer.tally());
    return new TreeResult(usage(), implicit, deletions.hasMarks());
  }

  private Usage usage() throws ErrnoException {
    if (layer.tally().isKnown()) {
      return layer.tally().usage();
    }
    try (Fd again = SecureOpen.open(top.fd(), LinuxPath.EMPTY)) {
      return TreeUsage.of(again);
    }
  }

  /** Releases the directory; the written files stay. */
  @Override
  public void close() {
    directories.close();
    memory.close();
    top.fd().close();
  }
}
