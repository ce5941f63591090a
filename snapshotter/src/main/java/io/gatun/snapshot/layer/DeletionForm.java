package io.gatun.snapshot.layer;

/** What becomes of it when a layer deletes something that may be in the layers below. */
public enum DeletionForm {
  /** Marks of the overlay filesystem, in attributes {@code trusted.overlay.*}. */
  OVERLAY,
  /** Marks of the overlay filesystem, in attributes {@code user.overlay.*}. */
  OVERLAY_USERXATTR,
  /** What is there is removed. */
  IN_PLACE;

  /** {@return whether an index can be the layer} It has deletions in one form only. */
  public boolean isIndexable() {
    return this != OVERLAY_USERXATTR;
  }
}
