package io.gatun.snapshot.spill;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.root.Disk;

/**
 * Where that goes which does not fit into the memory of an apply: a file without a name, so that
 * none is left behind whatever happens, and nothing of the directory changes by which others know
 * whether it was changed.
 *
 * @param directory of the filesystem that the file is on
 */
public record Spill(Disk disk, Fd directory) {

  private static final int MODE = 0600;

  Fd open() throws ErrnoException {
    return disk.createNamelessFile(directory, MODE);
  }
}
