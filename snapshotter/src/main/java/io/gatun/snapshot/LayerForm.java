package io.gatun.snapshot;

/** How the files of a snapshot are stored. */
public sealed interface LayerForm {

  /** As files and directories below {@code snapshots/<id>/fs}. */
  record Directory() implements LayerForm {}

  /**
   * As the uncompressed tar of the layer, which other snapshots may share, with an index.
   *
   * @param diffId of the layer: the tar is {@code layers/<diff id>/tar}
   * @param index digest of the index: {@code layers/<diff id>/index-<sha256>}
   */
  record Indexed(Digest diffId, Digest index) implements LayerForm {}
}
