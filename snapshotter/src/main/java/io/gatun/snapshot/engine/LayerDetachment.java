package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.driver.IndexMounts;
import io.gatun.snapshot.driver.MappedMounts;
import java.util.Optional;

/**
 * Takes away the mounts of layers that are removed.
 *
 * @param mounts nothing if no layer is kept
 * @param mapped where directories are shown, too
 */
record LayerDetachment(Optional<IndexMounts> mounts, MappedMounts mapped)
    implements Reaper.Detachment {

  @Override
  public void detach(long id) throws ErrnoException {
    if (mounts.isPresent()) {
      mounts.get().unmount(id);
    }
  }

  @Override
  public void hide(long id) throws ErrnoException {
    mapped.unmount(id);
  }
}
