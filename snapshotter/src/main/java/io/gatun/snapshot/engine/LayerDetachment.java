package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.driver.IndexMounts;
import io.gatun.snapshot.driver.MappedMounts;

/**
 * Takes away the mounts of layers that are removed.
 *
 * @param mapped where directories are shown, too
 */
record LayerDetachment(IndexMounts mounts, MappedMounts mapped) implements Reaper.Detachment {

  @Override
  public void detach(long id) throws ErrnoException {
    mounts.unmount(id);
  }

  @Override
  public void hide(long id) throws ErrnoException {
    mapped.unmount(id);
  }
}
