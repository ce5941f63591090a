package io.gatun.snapshot.apply.index;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.disk.Disk;

/**
 * Where the tree of a layer goes that does not fit into the memory of an apply: a file that has no
 * name any more when it is used, so that none is left behind whatever happens.
 *
 * @param directory in which the file is made
 * @param name its name until it is removed, which nobody else may use meanwhile
 */
public record Spill(Disk disk, Fd directory, LinuxPath name) {

  private static final int MODE = 0600;

  Fd open() throws ErrnoException {
    Fd file = disk.createFile(directory, name, MODE);
    boolean isNameless = false;
    try {
      disk.removeFile(directory, name);
      isNameless = true;
      return file;
    } finally {
      if (!isNameless) {
        file.close();
      }
    }
  }
}
