package io.gatun.snapshot.spill;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.root.Disk;

/**
 * Overflow storage for an apply: a nameless file, which is never left behind and does not change
 * the directory's timestamps, by which changes are detected.
 *
 * @param directory a directory on the file's filesystem
 */
public record Spill(Disk disk, Fd directory) {

  private static final int MODE = 0600;

  Fd open() throws ErrnoException {
    return disk.createNamelessFile(directory, MODE);
  }
}
