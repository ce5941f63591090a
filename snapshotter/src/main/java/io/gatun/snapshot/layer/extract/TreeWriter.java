package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Stat;
import io.gatun.linux.Statfs;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.tar.FileSink;
import io.gatun.snapshot.layer.tar.LayerEntry;
import io.gatun.snapshot.layer.tar.OpenedFile;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Writes one layer to the directory of a snapshot. Later entries win over earlier ones, directories
 * are merged, and what the layer needs and does not name is made.
 *
 * <p>The rules are containerd's (its package archive), and the tree is the one that it makes of the
 * same layer, in every attribute, except:
 *
 * <ul>
 *   <li>A link on the way to an entry, whose target leads through another link or goes up, leads
 *       where the kernel would take it in a container. containerd puts the texts together, and on
 *       the way looks at files outside the tree.
 *   <li>The times of a directory that the layer has removed or replaced later are forgotten.
 *       containerd gives them to whatever is there, or fails if nothing is.
 *   <li>Times inherited from a layer below are set when everything is written; with containerd, the
 *       first file made in the directory changes them. What overlay keeps in {@code user.overlay.*}
 *       is not inherited.
 *   <li>Where a file below is in the way of a directory that the layer needs further down, or a
 *       link that leads in a circle, nothing is inherited; containerd fails.
 *   <li>An opaque directory keeps all that the layer has written below it. containerd removes that
 *       with directories which the layer did not name, if the mark comes later.
 *   <li>A whiteout of what the same layer has written removes it, in an overlay as in a copy; in an
 *       overlay, containerd fails. A directory in the place of a whiteout does not show what is
 *       below, in an overlay as in a copy.
 * </ul>
 *
 * <p>Devices are left out in a user namespace, in which nobody may make them.
 *
 * <p>One thread at a time uses it, and another may fill the files that it has made. Nothing is
 * synced.
 */
public final class TreeWriter implements FileSink, AutoCloseable {

  /** Enough for some 30,000 directories, or 100,000 entries of a copy. */
  private static final long RESIDENT_BYTES = 4L << 20;

  private final Disk disk;
  private final OpenDirectory top;
  private final DirectoryCache cache = new DirectoryCache();
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
            // What is there already was not counted.
            tally.giveUp();
            yield new InPlaceDeletions(removal, top.fd(), memory);
          }
        };
    LowerDirectories lowers = new LowerDirectories(disk, target.lowers());
    this.directories =
        new Directories(disk, ownership, lowers, ledger, deletions, removal, cache, top);
    this.entries =
        new EntryWriter(
            disk,
            ownership,
            new FileFiller(disk, isWrittenBackEarly, ownership, tally),
            directories,
            cache,
            ledger,
            deletions,
            removal,
            tally);
  }

  /**
   * {@return a writer for one layer}
   *
   * @param isWrittenBackEarly whether the content of large files is sent to the disk while the rest
   *     is still to come, which makes a sync at the end short, and costs time if there is none
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
   * Makes what one entry says. After a failure, the layer is to be abandoned.
   *
   * @throws TreeWriteException if a call fails
   * @throws UnsupportedLayerException if there are so many that even a file would not do to keep
   *     what has to be done to them at the end
   */
  @Override
  public @Nullable OpenedFile make(LayerEntry entry)
      throws TreeWriteException, UnsupportedLayerException {
    if (memory.isFull()) {
      throw new UnsupportedLayerException("it has too many entries");
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

  /** Finishes the layer, of which everything has been made and filled. */
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

  /** Ends the use of the directory; what has been written stays as it is. */
  @Override
  public void close() {
    directories.close();
    memory.close();
    top.fd().close();
  }
}
