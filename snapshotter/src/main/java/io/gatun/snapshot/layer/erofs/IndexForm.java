package io.gatun.snapshot.layer.erofs;

/** How deletions in a layer appear in its index. */
public enum IndexForm {
  /** As overlayfs whiteouts and opaque directories; for a layer above others. */
  OVERLAY,
  /**
   * Not at all, because there is no lower layer to hide. Entries that the layer itself added before
   * are removed.
   */
  BASE
}
