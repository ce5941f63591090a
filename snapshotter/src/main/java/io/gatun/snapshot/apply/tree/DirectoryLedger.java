package io.gatun.snapshot.apply.tree;

import io.gatun.linux.AtFlag;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.linux.Stat;
import io.gatun.linux.Timespec;
import io.gatun.snapshot.apply.codec.UnsupportedLayerException;
import io.gatun.snapshot.apply.layer.LayerAttributes;
import io.gatun.snapshot.apply.layer.LayerPath;
import io.gatun.snapshot.disk.Disk;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is still to be done to directories when everything is in them: their times are set last,
 * since everything that is made in one changes them.
 *
 * <p>Paths are those found when the directory was made or named, so without links on the way. What
 * has them at the end is looked at once more: times are set of directories alone.
 */
final class DirectoryLedger implements AutoCloseable {

  /** What each takes of the heap besides its path, with all that leads to it. */
  private static final long PAGE_BYTES = 208;

  private static final long UNNAMED_BYTES = 64;

  /**
   * Of what may inherit, which is kept for each layer until its snapshot is committed. The path of
   * one file can lead through two thousand directories, which take 4 MiB.
   */
  private static final long UNNAMED_BYTES_MAX = 6L << 20;

  private static final class Page {
    private boolean isMade;
    private UnnamedDirectory.@Nullable Inherited inherited;
    private @Nullable Timespec accessed;
    private @Nullable Timespec modified;

    void setTimes(Timespec newAccessed, Timespec newModified) {
      accessed = newAccessed;
      modified = newModified;
    }

    /** {@return whether all that it has so far is what the layers below have given it, or may} */
    boolean isAsBelow() {
      return inherited == UnnamedDirectory.Inherited.ATTRIBUTES
          || inherited == UnnamedDirectory.Inherited.ATTRIBUTES_OR_GROUP;
    }
  }

  private final Map<LayerPath, Page> pages = new LinkedHashMap<>();
  private final HeapBudget budget;
  private long takenBytes;

  DirectoryLedger(HeapBudget budget) {
    this.budget = budget;
  }

  /**
   * Refuses to go on with a layer that has more directories than can be kept in mind.
   *
   * @throws UnsupportedLayerException as it may well be sound
   */
  void requireRoom() throws UnsupportedLayerException {
    if (budget.isExceeded()) {
      throw new UnsupportedLayerException(
          "with the %d directories that it has so far, layers that are being unpacked have too many"
              .formatted(pages.size()));
    }
  }

  /**
   * Takes note of a directory that was made because something is in it.
   *
   * @param isHidingBelow whether it does not get the attributes of one below
   */
  void madeUnnamed(LayerPath place, boolean isHidingBelow, Optional<FileStatus> inherited) {
    Page page = new Page();
    page.isMade = true;
    page.inherited = inheritedBy(place, isHidingBelow);
    inherited.ifPresent(status -> page.setTimes(status.accessed(), status.modified()));
    put(place, page);
  }

  private void put(LayerPath place, Page page) {
    if (pages.put(place, page) == null) {
      long bytes = PAGE_BYTES + place.directory().length() + place.name().length();
      takenBytes += bytes;
      budget.take(bytes);
    }
  }

  private UnnamedDirectory.@Nullable Inherited inheritedBy(LayerPath place, boolean isHidingBelow) {
    Page above = place.directory().isEmpty() ? null : pages.get(Places.of(place.directory()));
    boolean isGroupOpen = above != null && above.isAsBelow();
    if (isHidingBelow) {
      return isGroupOpen ? UnnamedDirectory.Inherited.GROUP : null;
    }
    return isGroupOpen
        ? UnnamedDirectory.Inherited.ATTRIBUTES_OR_GROUP
        : UnnamedDirectory.Inherited.ATTRIBUTES;
  }

  /** Takes note of a directory that was made by an entry of its own. */
  void made(LayerPath place, LayerAttributes attributes) {
    put(place, new Page());
    merged(place, attributes);
    page(place).isMade = true;
  }

  /** Takes note of an entry for a directory that was there already. */
  void merged(LayerPath place, LayerAttributes attributes) {
    Page page = page(place);
    if (page.isAsBelow()) {
      page.inherited = UnnamedDirectory.Inherited.XATTRS;
    } else if (page.inherited == UnnamedDirectory.Inherited.GROUP) {
      page.inherited = null;
    }
    page.setTimes(attributes.accessed(), attributes.modified());
  }

  private Page page(LayerPath place) {
    Page known = pages.get(place);
    if (known != null) {
      return known;
    }
    Page page = new Page();
    put(place, page);
    return page;
  }

  /**
   * Sets all times, and counts what was made.
   *
   * @return those that may get attributes of directories below, in the order in which they were
   *     made
   * @throws UnsupportedLayerException if these are too many
   */
  List<UnnamedDirectory> finish(Disk disk, Directories directories, UsageTally tally)
      throws TreeWriteException, UnsupportedLayerException {
    List<UnnamedDirectory> unnamed = new ArrayList<>();
    long unnamedBytes = 0;
    for (Map.Entry<LayerPath, Page> each : pages.entrySet()) {
      LayerPath place = each.getKey();
      try {
        Page page = each.getValue();
        if (finish(disk, directories, tally, place, page) && page.inherited != null) {
          LinuxPath path = place.whole();
          unnamed.add(new UnnamedDirectory(path, page.inherited));
          unnamedBytes += UNNAMED_BYTES + path.length();
        }
      } catch (ErrnoException e) {
        throw new TreeWriteException(place.whole(), e);
      }
      if (unnamedBytes > UNNAMED_BYTES_MAX) {
        throw new UnsupportedLayerException(
            "it has files in more than %d directories that it does not name"
                .formatted(unnamed.size()));
      }
    }
    return unnamed;
  }

  /** {@return whether there is a directory at the end} */
  private static boolean finish(
      Disk disk, Directories directories, UsageTally tally, LayerPath place, Page page)
      throws ErrnoException {
    Fd parent = directories.visit(place.directory());
    if (parent == null) {
      return false;
    }
    Optional<FileStatus> status = Stat.tryStatx(parent, place.name(), AtFlag.SYMLINK_NOFOLLOW);
    if (status.isEmpty() || status.get().type() != NodeType.DIRECTORY) {
      return false;
    }
    if (page.isMade) {
      tally.add(status.get());
    }
    if (page.accessed != null && page.modified != null) {
      disk.setTimes(parent, place.name(), page.accessed, page.modified);
    }
    return true;
  }

  @Override
  public void close() {
    budget.give(takenBytes);
    takenBytes = 0;
  }
}
