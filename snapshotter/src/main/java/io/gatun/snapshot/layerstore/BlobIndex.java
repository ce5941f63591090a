package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** Maps blobs to the layers that applies to this store found in them. */
final class BlobIndex {

  private final LayerFiles files;
  private final FileStates fileStates;
  private final Map<Digest, Digest> diffIds = new ConcurrentHashMap<>();

  BlobIndex(LayerFiles files, FileStates fileStates) {
    this.files = files;
    this.fileStates = fileStates;
  }

  void add(Digest blob, Digest diffId) {
    diffIds.put(blob, diffId);
  }

  void removeAll(Digest diffId) {
    diffIds.values().removeIf(diffId::equals);
  }

  /** {@return the layer that a blob contains, if its tar is known to be intact} */
  Optional<Digest> diffIdOf(Digest blob) {
    return Optional.ofNullable(diffIds.get(blob))
        .filter(diffId -> fileStates.contains(diffId, LayerFile.Tar.TAR));
  }

  /** {@return the blobs of a layer, whether its tar is intact or not} */
  Set<Digest> of(Digest diffId) {
    return diffIds.entrySet().stream()
        .filter(known -> known.getValue().equals(diffId))
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }

  /** Records the blobs of a layer whose tar was not durable when they were applied. */
  void record(Fd directory, Digest diffId) throws ErrnoException {
    if (!fileStates.contains(diffId, LayerFile.Tar.TAR)) {
      return;
    }
    boolean isNew = false;
    for (Digest blob : of(diffId)) {
      LayerFile.Blob record = new LayerFile.Blob(blob);
      if (!files.contain(diffId, record)) {
        files.createIfFree(directory, record);
        isNew = true;
      }
    }
    if (isNew) {
      files.sync(directory);
    }
  }
}
