package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The marks of layers that may not be durable. A layer gets its mark before any unsynced file gets
 * its name, and keeps it until all files are durable.
 */
final class UnsyncedMarkers {

  private final LayerFiles files;
  private final FileStates fileStates;
  private final Set<Digest> atFirst = new HashSet<>();

  UnsyncedMarkers(LayerFiles files, FileStates fileStates) {
    this.files = files;
    this.fileStates = fileStates;
  }

  void found(Digest diffId) {
    atFirst.add(diffId);
  }

  Set<Digest> atFirst() {
    return Set.copyOf(atFirst);
  }

  boolean contain(Digest diffId) throws ErrnoException {
    return areIn(files.of(diffId));
  }

  static boolean areIn(List<LayerFile> layer) {
    return layer.stream().anyMatch(LayerFile.Unsynced.class::isInstance);
  }

  /**
   * Marks a layer.
   *
   * @param blob from which it can be rebuilt
   * @return whether it had no mark with this blob before
   */
  boolean add(Fd directory, Digest diffId, Digest blob) throws ErrnoException {
    LayerFile.Unsynced mark = new LayerFile.Unsynced(blob);
    boolean isNew = !files.contain(diffId, mark);
    if (isNew) {
      files.createIfFree(directory, mark);
    }
    return isNew;
  }

  /** {@return whether all of the layer is durable, so that its marks were removed} */
  boolean remove(Fd directory, Digest diffId) throws ErrnoException {
    List<LayerFile> all = files.of(diffId);
    if (!all.stream().allMatch(file -> isOnDisk(diffId, file))) {
      return false;
    }
    for (LayerFile file : all) {
      if (file instanceof LayerFile.Unsynced) {
        files.remove(directory, file);
      }
    }
    return true;
  }

  private boolean isOnDisk(Digest diffId, LayerFile file) {
    return switch (file) {
      case LayerFile.Tar _, LayerFile.Index _ -> fileStates.isDurable(diffId, file);
      case LayerFile.Blob _, LayerFile.Unsynced _ -> true;
    };
  }
}
