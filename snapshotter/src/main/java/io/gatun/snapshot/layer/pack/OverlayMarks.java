package io.gatun.snapshot.layer.pack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.Xattr;
import io.gatun.snapshot.layer.DeletionForm;
import java.util.List;
import java.util.Optional;

/**
 * What the overlay filesystem has written down of a file in attributes of its own
 * (Documentation/filesystems/overlayfs.rst). Most of them only help it along. Some say that what is
 * to be seen of a file is not in this directory; those are left to who mounts the snapshot.
 */
final class OverlayMarks {

  private static final byte OPAQUE = 'y';

  private final boolean areKept;
  private final LinuxPath opaque;
  private final LinuxPath redirect;
  private final LinuxPath metacopy;
  private final LinuxPath links;

  OverlayMarks(DeletionForm form) {
    String prefix =
        switch (form) {
          case OVERLAY, IN_PLACE -> "trusted.overlay.";
          case OVERLAY_USERXATTR -> "user.overlay.";
        };
    this.areKept = form != DeletionForm.IN_PLACE;
    this.opaque = LinuxPath.of(prefix + "opaque");
    this.redirect = LinuxPath.of(prefix + "redirect");
    this.metacopy = LinuxPath.of(prefix + "metacopy");
    this.links = LinuxPath.of(prefix + "nlink");
  }

  /**
   * {@return whether a directory hides what is below it}
   *
   * @param names of all its attributes
   * @throws UnsupportedTreeException if it shows what is below another one (redirect_dir), or if
   *     there are whiteouts in it that are no devices (xwhiteouts)
   */
  boolean isOpaque(Fd directory, List<LinuxPath> names, LinuxPath path)
      throws ErrnoException, UnsupportedTreeException {
    if (!areKept || names.isEmpty()) {
      return false;
    }
    refuse(names, redirect, path, "it was renamed and not copied");
    if (!names.contains(opaque)) {
      return false;
    }
    Optional<byte[]> value = Xattr.fgetxattr(directory, opaque);
    if (value.isEmpty() || value.get().length != 1) {
      return false;
    }
    if (value.get()[0] == OPAQUE) {
      return true;
    }
    throw new UnsupportedTreeException(
        "%s: its attribute %s is \"%c\"".formatted(path, opaque, (char) value.get()[0]));
  }

  /**
   * Sees to it that all of a file is here.
   *
   * @throws UnsupportedTreeException if its content is in a layer below (metacopy), or other names
   *     of it are (index)
   */
  void requireWhole(List<LinuxPath> names, LinuxPath path) throws UnsupportedTreeException {
    if (areKept && !names.isEmpty()) {
      refuse(names, metacopy, path, "its content is in a layer below");
      refuse(names, links, path, "it has names in a layer below");
    }
  }

  private static void refuse(List<LinuxPath> names, LinuxPath mark, LinuxPath path, String reason)
      throws UnsupportedTreeException {
    if (names.contains(mark)) {
      throw new UnsupportedTreeException("%s: %s (attribute %s)".formatted(path, reason, mark));
    }
  }
}
