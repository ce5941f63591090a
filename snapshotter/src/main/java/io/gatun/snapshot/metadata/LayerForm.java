package io.gatun.snapshot.metadata;

/** How the files of a snapshot lie on disk. */
public enum LayerForm {
  /** As files and directories below {@code snapshots/<id>/fs}. */
  DIRECTORY
}
