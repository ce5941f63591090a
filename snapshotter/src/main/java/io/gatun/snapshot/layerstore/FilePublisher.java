package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import java.util.List;

/**
 * Renames the files of ingests to their names in a layer, one at a time, so that {@link FileStates}
 * always describes the file that has the name. The caller prevents the layer from being collected.
 */
final class FilePublisher {

  private final LayerFiles files;
  private final FileStates fileStates;
  private volatile TarReplacementListener listener = TarReplacementListener.NONE;

  FilePublisher(LayerFiles files, FileStates fileStates) {
    this.files = files;
    this.fileStates = fileStates;
  }

  /** Sets the listener that remounts layers. */
  void displayedBy(TarReplacementListener whom) {
    listener = whom;
  }

  /** {@return whether the ingest became the layer, because there was none} */
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
   * Moves a file into a layer unless the layer's own file is known to be intact.
   *
   * @return whether it was moved
   */
  synchronized boolean place(
      LayerIngest ingest, Fd into, Digest diffId, LayerFile file, boolean isDurable)
      throws ErrnoException {
    if (fileStates.contains(diffId, file) && files.contain(diffId, file)) {
      return false;
    }
    boolean isSynced = isDurable;
    if (!isSynced && file instanceof LayerFile.Tar && isVouchedFor(diffId)) {
      // The recorded file has vanished, and its blob record now refers to this file.
      files.bringToDisk(ingest.directory(), file);
      isSynced = true;
    }
    replace(ingest, into, diffId, file, isSynced);
    return true;
  }

  /** Moves a file into a layer, replacing the file of that name. */
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
    // The known state belongs to the file that is being replaced.
    fileStates.remove(diffId, file);
    if (!files.moveIfFree(from, file.name(), into, file.name())) {
      files.replace(from, into, file);
    }
    placed(ingest, into, diffId, file, isDurable);
  }

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
