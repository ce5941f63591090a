package io.gatun.snapshot.filetree;

/** The ways to copy file content, the cheapest first. */
enum CopyMethod {
  /** The copy shares all blocks of the original until one of them is written (FICLONE). */
  CLONE,
  /** The kernel copies (copy_file_range). */
  KERNEL,
  /** User-space read and write. */
  BUFFER
}
