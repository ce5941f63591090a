package io.gatun.snapshot.apply.tree;

/** What becomes of it when a layer says that something of the layers below is gone. */
public enum DeletionForm {
  /**
   * A character device 0:0 for a file and the attribute {@code trusted.overlay.opaque} for what was
   * in a directory: the overlay filesystem's own form (Documentation/filesystems/overlayfs.rst).
   */
  OVERLAY,
  /** The same with {@code user.overlay.opaque}, for overlays mounted with {@code userxattr}. */
  OVERLAY_USERXATTR,
  /** It is deleted: the snapshot holds a copy of what is below. */
  IN_PLACE
}
