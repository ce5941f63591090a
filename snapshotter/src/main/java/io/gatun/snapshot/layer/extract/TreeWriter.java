package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Statfs;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.FileSink;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.OpenedFile;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.layer.lower.LowerDirectories;
import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
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

  private final Disk disk;
  private final OpenDirectory top;
  private final PagedMemory memory;
  private final DeferredAttributes ledger;
  private final UsageTally tally;
  private final Deletions deletions;
  private final Directories directories;
  private final EntryWriter entries;
  private final boolean mayMakeDevices;

  private TreeWriter(
      Disk disk,
      LayerTarget target,
      boolean isWrittenBackEarly,
      OpenDirectory top,
      Ownership ownership,
      PagedMemory memory)
      throws ErrnoException {
    this.disk = disk;
    this.memory = memory;
    this.ledger = new DeferredAttributes(memory);
    this.top = top;
    this.tally = new UsageTally(Statfs.fstatfs(top.fd()).blockSizeBytes());
    this.mayMakeDevices = UserNamespace.isInitial();
    DirectoryCache cache = new DirectoryCache();
    Removal removal = new Removal(disk, cache, tally);
    this.deletions =
        switch (target.deletions()) {
          case OVERLAY ->
              new OverlayDeletions(
                  disk, removal, ownership, tally, LinuxPath.of("trusted.overlay.opaque"));
          case OVERLAY_USERXATTR ->
              new OverlayDeletions(
                  disk, removal, ownership, tally, LinuxPath.of("user.overlay.opaque"));
          case IN_PLACE -> {
            // The existing files were not counted.
            tally.giveUp();
            yield new InPlaceDeletions(removal, top.fd(), memory);
          }
        };
    LowerDirectories lowers = new LowerDirectories(disk, target.lowers());
    Extraction extraction = new Extraction(disk, ownership, cache, ledger, tally);
    this.directories = new Directories(extraction, lowers, deletions, removal, top);
    FileFiller filler = new FileFiller(disk, isWrittenBackEarly, ownership, tally);
    this.entries = new EntryWriter(extraction, filler, directories, deletions, removal);
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
    boolean isOpened = false;
    try {
      OpenDirectory top = new OpenDirectory(fd, LinuxPath.EMPTY, ownership.isPlain(fd));
      TreeWriter writer = new TreeWriter(disk, target, isWrittenBackEarly, top, ownership, memory);
      isOpened = true;
      return writer;
    } finally {
      if (!isOpened) {
        memory.close();
        fd.close();
      }
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
    if (isDevice(entry) && !mayMakeDevices) {
      return null;
    }
    try {
      return entries.make(entry);
    } catch (ErrnoException e) {
      throw new TreeWriteException(entry.path().whole(), e);
    }
  }

  private static boolean isDevice(LayerEntry entry) {
    return entry instanceof LayerEntry.Node node && node.type() != NodeType.FIFO;
  }

  /** Finishes the layer after all entries were created and filled. */
  public TreeResult finish() throws IOException {
    tally.add(Stat.statx(top.fd()));
    ImplicitDirectoryList.Builder implicit = new ImplicitDirectoryList.Builder();
    ledger.finish(disk, directories, tally, implicit);
    return new TreeResult(usage(), implicit.build(), deletions.hasMarks());
  }

  private Usage usage() throws ErrnoException {
    if (tally.isKnown()) {
      return tally.usage();
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
