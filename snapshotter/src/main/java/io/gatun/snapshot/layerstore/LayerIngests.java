package io.gatun.snapshot.layerstore;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.InodeProtection;
import io.gatun.snapshot.root.Root;

/** Creates ingests under unused names. */
final class LayerIngests {

  private static final int DIRECTORY_MODE = 0700;

  private final Disk disk;
  private final Root root;
  private final LayerFiles files;
  private final FileStates fileStates;
  private long drafts;

  LayerIngests(Disk disk, Root root, LayerFiles files, FileStates fileStates) {
    this.disk = disk;
    this.root = root;
    this.files = files;
    this.fileStates = fileStates;
  }

  synchronized LayerIngest begin() throws LayerStoreException {
    try {
      Fd all = files.createTop();
      long mark = fileStates.mark();
      while (true) {
        LinuxPath name = LayerFile.inTheMaking(++drafts);
        try {
          InodeProtection.overcome(
              disk, all, name, () -> disk.createDirectory(all, name, DIRECTORY_MODE));
        } catch (ErrnoException e) {
          if (e.is(Errno.EEXIST)) {
            continue;
          }
          throw e;
        }
        return new LayerIngest(disk, all, name, root.openDirectory(all, name), mark);
      }
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot begin to write a layer", e);
    }
  }
}
