package io.gatun.snapshot.layer.pack;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import java.util.List;

/**
 * The attributes in which overlayfs records properties of a file
 * (Documentation/filesystems/overlayfs.rst). Most are only hints. Some mean that the content of a
 * file is not in this directory; such a snapshot can only be read through its mount.
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
   * {@return whether a directory hides lower content}
   *
   * @param names of all its attributes
   * @throws UnsupportedLayerException if it shows the lower content of another path (redirect_dir),
   *     or has whiteouts that are not devices (xwhiteouts)
   */
  boolean isOpaque(Fd directory, List<LinuxPath> names, LinuxPath path)
      throws ErrnoException, UnsupportedLayerException {
    if (!areKept || names.isEmpty()) {
      return false;
    }
    refuse(names, redirect, path, "it was renamed and not copied");
    if (!names.contains(opaque)) {
      return false;
    }
    byte[] value = Xattr.fgetxattr(directory, opaque).orElse(new byte[0]);
    if (value.length != 1) {
      return false;
    }
    if (value[0] == OPAQUE) {
      return true;
    }
    throw new UnsupportedLayerException(
        "%s: its attribute %s is \"%c\"".formatted(path, opaque, (char) value[0]));
  }

  /**
   * Checks that a file is completely in this directory.
   *
   * @throws UnsupportedLayerException if its content (metacopy) or other names of it (index) are in
   *     a lower layer
   */
  void requireWhole(List<LinuxPath> names, LinuxPath path) throws UnsupportedLayerException {
    if (areKept && !names.isEmpty()) {
      refuse(names, metacopy, path, "its content is in a lower layer");
      refuse(names, links, path, "it has names in a lower layer");
    }
  }

  private static void refuse(List<LinuxPath> names, LinuxPath mark, LinuxPath path, String reason)
      throws UnsupportedLayerException {
    if (names.contains(mark)) {
      throw new UnsupportedLayerException("%s: %s (attribute %s)".formatted(path, reason, mark));
    }
  }
}
