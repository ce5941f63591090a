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
final class FilePublisher {

  private final LayerFiles files;
  private final FileStates fileStates;
  private volatile TarReplacementListener listener = TarReplacementListener.NONE;

  FilePublisher(LayerFiles files, FileStates fileStates) {
    this.files = files;
    this.fileStates = fileStates;
  }

  /** Says who has layers mounted. */
  void displayedBy(TarReplacementListener whom) {
    listener = whom;
  }

  /** {@return whether there was no such layer, so that the draft is the layer now} */
  synchronized boolean placeWhole(
      LayerIngest ingest, Digest diffId, List<LayerFile> made, boolean isDurable)
      throws ErrnoException {
    Fd all = files.top();
    if (!files.moveIfFree(all, ingest.name(), all, LayerFiles.directory(diffId))) {
      return false;
    }
    ingest.published();
    for (LayerFile file : made) {
      placed(ingest, ingest.directory(), diffId, file, isDurable);
    }
    return true;
  }

  /**
   * Has a file of a draft take the place of a layer's, unless that is known to be whole.
   *
   * @return whether it has
   */
  synchronized boolean place(
      LayerIngest ingest, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    if (fileStates.contains(diffId, file) && files.contain(diffId, file)) {
      return false;
    }
    boolean isSynced = isDurable;
    if (!isSynced && file instanceof LayerFile.Tar && isVouchedFor(diffId)) {
      // One that has vanished; what was said of it is said of this one from now on.
      files.bringToDisk(ingest.directory(), file);
      isSynced = true;
    }
    replace(ingest, into, diffId, file, isSynced);
    return true;
  }

  /** Has a file of a draft take the place of a layer's. */
  synchronized void replace(
      LayerIngest ingest, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    if (!(file instanceof LayerFile.Tar)) {
      move(ingest, into, diffId, file, isDurable);
      return;
    }
    try {
      listener.beforeReplace(diffId);
      move(ingest, into, diffId, file, isDurable);
    } finally {
      listener.afterReplace(diffId);
    }
  }

  private void move(LayerIngest ingest, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    Fd from = ingest.directory();
    // What is known is of the one that has the name so far.
    fileStates.remove(diffId, file);
    if (!files.moveIfFree(from, file.name(), into, file.name())) {
      files.replace(from, into, file);
    }
    placed(ingest, into, diffId, file, isDurable);
  }

  /** {@return whether it is recorded that a blob is the layer} */
  private boolean isVouchedFor(Digest diffId) throws ErrnoException {
    return files.of(diffId).stream().anyMatch(LayerFile.Blob.class::isInstance);
  }

  private void placed(
      LayerIngest ingest, Fd directory, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    files.hold(directory, file);
    if (isDurable) {
      fileStates.durable(diffId, file);
    } else {
      fileStates.written(diffId, file, ingest.mark());
    }
  }
}
