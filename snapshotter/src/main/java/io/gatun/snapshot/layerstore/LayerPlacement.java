package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import java.util.List;

/**
 * Gives the files of drafts the names that they have in layers, one at a time, so that what is
 * known of a file is of the one that has the name. Whoever calls keeps the layer from being
 * retired.
 */
final class LayerPlacement {

  private final LayerFiles files;
  private final TrustedFiles trusted;
  private volatile TarReplacementListener listener = TarReplacementListener.NONE;

  LayerPlacement(LayerFiles files, TrustedFiles trusted) {
    this.files = files;
    this.trusted = trusted;
  }

  /** Says who has layers mounted. */
  void displayedBy(TarReplacementListener whom) {
    listener = whom;
  }

  /** {@return whether there was no such layer, so that the draft is the layer now} */
  synchronized boolean placeWhole(
      LayerDraft draft, Digest diffId, List<LayerFile> made, boolean isDurable)
      throws ErrnoException {
    Fd all = files.top();
    if (!files.moveIfFree(all, draft.name(), all, LayerFiles.directory(diffId))) {
      return false;
    }
    draft.published();
    for (LayerFile file : made) {
      placed(draft, draft.directory(), diffId, file, isDurable);
    }
    return true;
  }

  /**
   * Has a file of a draft take the place of a layer's, unless that is known to be whole.
   *
   * @return whether it has
   */
  synchronized boolean place(
      LayerDraft draft, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    if (trusted.contains(diffId, file) && files.contain(diffId, file)) {
      return false;
    }
    boolean isSynced = isDurable;
    if (!isSynced && file instanceof LayerFile.Tar && isVouchedFor(diffId)) {
      // One that has vanished; what was said of it is said of this one from now on.
      files.bringToDisk(draft.directory(), file);
      isSynced = true;
    }
    replace(draft, into, diffId, file, isSynced);
    return true;
  }

  /** Has a file of a draft take the place of a layer's. */
  synchronized void replace(
      LayerDraft draft, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    if (!(file instanceof LayerFile.Tar)) {
      move(draft, into, diffId, file, isDurable);
      return;
    }
    try {
      listener.beforeReplace(diffId);
      move(draft, into, diffId, file, isDurable);
    } finally {
      listener.afterReplace(diffId);
    }
  }

  private void move(LayerDraft draft, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    Fd from = draft.directory();
    // What is known is of the one that has the name so far.
    trusted.remove(diffId, file);
    if (!files.moveIfFree(from, file.name(), into, file.name())) {
      files.replace(from, into, file);
    }
    placed(draft, into, diffId, file, isDurable);
  }

  /** {@return whether it is recorded that a blob is the layer} */
  private boolean isVouchedFor(Digest diffId) throws ErrnoException {
    return files.of(diffId).stream().anyMatch(LayerFile.Blob.class::isInstance);
  }

  private void placed(
      LayerDraft draft, Fd directory, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    files.hold(directory, file);
    if (isDurable) {
      trusted.durable(diffId, file);
    } else {
      trusted.written(diffId, file, draft.mark());
    }
  }
}
