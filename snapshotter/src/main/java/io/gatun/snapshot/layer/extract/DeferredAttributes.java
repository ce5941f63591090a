package io.gatun.snapshot.layer.extract;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerPath;
import io.gatun.snapshot.layer.lower.ImplicitDirectory;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Directory attributes that are set at the end. Creating entries in a directory changes its times,
 * so these are set last.
 *
 * <p>Directories are recorded by their resolved paths, without links. At the end each path is
 * checked again: only directories get times.
 */
final class DeferredAttributes {

  private final DirectoryTable pages;

  DeferredAttributes(PagedMemory memory) {
    this.pages = new DirectoryTable(memory);
  }

  /**
   * Records an implicit directory.
   *
   * @param isHidingBelow whether it hides a lower directory and so inherits nothing from it
   */
  void madeImplicit(LayerPath place, boolean isHidingBelow, Optional<FileStatus> inherited)
      throws ErrnoException {
    int page = pages.require(place);
    pages.setMade(page);
    pages.setInherited(page, inheritedBy(place, isHidingBelow));
    pages.forgetTimes(page);
    if (inherited.isPresent()) {
      pages.setTimes(page, inherited.get().accessed(), inherited.get().modified());
    }
  }

  private ImplicitDirectory.@Nullable Inherited inheritedBy(LayerPath place, boolean isHidingBelow)
      throws ErrnoException {
    boolean isGroupOpen = !place.directory().isEmpty() && isAsBelow(place.directory());
    if (isHidingBelow) {
      return isGroupOpen ? ImplicitDirectory.Inherited.GROUP : null;
    }
    return isGroupOpen
        ? ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP
        : ImplicitDirectory.Inherited.ATTRIBUTES;
  }

  /** {@return whether its attributes come, or may come, from lower layers only} */
  private boolean isAsBelow(LinuxPath place) throws ErrnoException {
    int page = pages.find(place);
    return page != 0 && isAsBelow(pages.inherited(page));
  }

  private static boolean isAsBelow(ImplicitDirectory.@Nullable Inherited inherited) {
    return inherited == ImplicitDirectory.Inherited.ATTRIBUTES
        || inherited == ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP;
  }

  /** Records a directory that was created for its entry. */
  void made(LayerPath place, LayerAttributes attributes) throws ErrnoException {
    int page = pages.require(place);
    pages.setMade(page);
    pages.setInherited(page, null);
    pages.setTimes(page, attributes.accessed(), attributes.modified());
  }

  /** Records an entry for an existing directory. */
  void merged(LayerPath place, LayerAttributes attributes) throws ErrnoException {
    int page = pages.require(place);
    ImplicitDirectory.Inherited inherited = pages.inherited(page);
    if (isAsBelow(inherited)) {
      pages.setInherited(page, ImplicitDirectory.Inherited.XATTRS);
    } else if (inherited == ImplicitDirectory.Inherited.GROUP) {
      pages.setInherited(page, null);
    }
    pages.setTimes(page, attributes.accessed(), attributes.modified());
  }

  /**
   * Sets all times and counts the created directories.
   *
   * @param implicit receives the directories that may inherit attributes, in the order of creation
   */
  void finish(
      Disk disk, Directories directories, UsageTally tally, ImplicitDirectoryList.Builder implicit)
      throws ErrnoException, TreeWriteException {
    for (int page = pages.first(); page != 0; page = pages.next(page)) {
      LayerPath place = pages.place(page);
      try {
        if (finish(disk, directories, tally, place, page)) {
          ImplicitDirectory.Inherited inherited = pages.inherited(page);
          if (inherited != null) {
            implicit.add(place.whole(), inherited);
          }
        }
      } catch (ErrnoException e) {
        throw new TreeWriteException(place.whole(), e);
      }
    }
  }

  /** {@return whether the path still is a directory} */
  private boolean finish(
      Disk disk, Directories directories, UsageTally tally, LayerPath place, int page)
      throws ErrnoException {
    Fd parent = directories.visit(place.directory());
    if (parent == null) {
      return false;
    }
    Optional<FileStatus> status = Stat.tryStatx(parent, place.name(), AtFlag.SYMLINK_NOFOLLOW);
    if (status.isEmpty() || status.get().type() != NodeType.DIRECTORY) {
      return false;
    }
    if (pages.isMade(page)) {
      tally.add(status.get());
    }
    Optional<DirectoryTable.Times> times = pages.times(page);
    if (times.isPresent()) {
      disk.setTimes(parent, place.name(), times.get().accessed(), times.get().modified());
    }
    return true;
  }
}
