package io.gatun.snapshot.layer;

/** How deletions of lower files are represented when a layer is extracted. */
public enum DeletionForm {
  /** As overlayfs marks, with attributes {@code trusted.overlay.*}. */
  OVERLAY,
  /** As overlayfs marks, with attributes {@code user.overlay.*}. */
  OVERLAY_USERXATTR,
  /** By removing the files. */
  IN_PLACE;

  /** {@return whether the layer can be indexed} An index represents deletions in one form only. */
  public boolean isIndexable() {
    return this != OVERLAY_USERXATTR;
  }
}
