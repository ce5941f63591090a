package io.gatun.snapshot.layer.erofs;

/** What a layer's deletions become in its index. */
public enum IndexForm {
  /** Whiteouts and opaque directories as overlay has them; for a layer above others. */
  OVERLAY,
  /**
   * Nothing: there is nothing below that they could hide. What the layer itself has put there
   * before is taken away.
   */
  BASE
}
