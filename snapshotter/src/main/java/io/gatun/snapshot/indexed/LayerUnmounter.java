package io.gatun.snapshot.indexed;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.state.Reaper;

/**
 * Takes away the mounts of layers that are removed.
 *
 * @param idMappedMounts where directories are shown, too
 */
public record LayerUnmounter(IndexMounts mounts, IdMappedMounts idMappedMounts)
    implements Reaper.Detachment {

  @Override
  public void detach(long id) throws ErrnoException {
    mounts.unmount(id);
  }

  @Override
  public void hide(long id) throws ErrnoException {
    idMappedMounts.unmount(id);
  }
}
