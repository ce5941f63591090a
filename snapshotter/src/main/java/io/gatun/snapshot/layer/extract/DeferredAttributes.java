package io.gatun.snapshot.layer.extract;

import io.gatun.linux.AtFlag;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Stat;
import io.gatun.snapshot.layer.tar.LayerAttributes;
import io.gatun.snapshot.layer.tar.LayerPath;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is still to be done to directories when everything is in them: their times are set last,
 * since everything that is made in one changes them.
 *
 * <p>Paths are those found when the directory was made or named, so without links on the way. What
 * has them at the end is looked at once more: times are set of directories alone.
 */
final class DeferredAttributes {

  private final DirectoryTable pages;

  DeferredAttributes(PagedMemory memory) {
    this.pages = new DirectoryTable(memory);
  }

  /**
   * Takes note of a directory that was made because something is in it.
   *
   * @param isHidingBelow whether it does not get the attributes of one below
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

  /** {@return whether all that it has so far is what the layers below have given it, or may} */
  private boolean isAsBelow(LinuxPath place) throws ErrnoException {
    int page = pages.find(place);
    return page != 0 && isAsBelow(pages.inherited(page));
  }

  private static boolean isAsBelow(ImplicitDirectory.@Nullable Inherited inherited) {
    return inherited == ImplicitDirectory.Inherited.ATTRIBUTES
        || inherited == ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP;
  }

  /** Takes note of a directory that was made by an entry of its own. */
  void made(LayerPath place, LayerAttributes attributes) throws ErrnoException {
    int page = pages.require(place);
    pages.setMade(page);
    pages.setInherited(page, null);
    pages.setTimes(page, attributes.accessed(), attributes.modified());
  }

  /** Takes note of an entry for a directory that was there already. */
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
   * Sets all times, and counts what was made.
   *
   * @param implicit gets those that may get attributes of directories below, in the order in which
   *     they were made
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

  /** {@return whether there is a directory at the end} */
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
