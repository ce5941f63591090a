package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.root.Disk;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Publishes ingests as layers, or as parts of existing layers, in the order that {@link LayerStore}
 * documents; and syncs later whatever was published without a sync. The caller holds a reference to
 * the layer.
 */
final class LayerPublisher {

  private final Disk disk;
  private final LayerFiles files;
  private final FileStates fileStates;
  private final UnsyncedMarkers marks;
  private final BlobIndex blobs;
  private final LayerRefs refs;
  private final FilePublisher placement;
  private final boolean areNamesSynced;

  /**
   * @param areNamesSynced whether the names and marks of layers that are published without a sync
   *     are synced nonetheless
   */
  LayerPublisher(
      LayerFiles files,
      FileStates fileStates,
      UnsyncedMarkers marks,
      BlobIndex blobs,
      LayerRefs refs,
      FilePublisher placement,
      boolean areNamesSynced) {
    this.disk = files.disk();
    this.files = files;
    this.fileStates = fileStates;
    this.marks = marks;
    this.blobs = blobs;
    this.refs = refs;
    this.placement = placement;
    this.areNamesSynced = areNamesSynced;
  }

  /**
   * Publishes an ingest as a layer, or adds it to the layer if that exists.
   *
   * @param index which is in the ingest as well, if there is one
   * @param blob that was applied, if it is to be recorded
   * @param isDurable whether the layer must be durable when this returns
   */
  void publish(
      LayerIngest ingest,
      Digest diffId,
      Optional<LayerIndex> index,
      Optional<Digest> blob,
      boolean isDurable)
      throws ErrnoException {
    List<LayerFile> made = new ArrayList<>(List.of(LayerFile.Tar.TAR));
    if (index.isPresent()) {
      made.add(named(ingest, index.get()));
    }
    Fd from = ingest.directory();
    Optional<LayerFile.Blob> record = isDurable ? blob.map(LayerFile.Blob::new) : Optional.empty();
    Optional<LayerFile.Unsynced> doubt =
        isDurable ? Optional.empty() : blob.map(LayerFile.Unsynced::new);
    for (LayerFile file : made) {
      if (isDurable) {
        files.bringToDisk(from, file);
      }
      files.seal(from, file);
    }
    if (record.isPresent()) {
      disk.createFile(from, record.get().name(), LayerFile.MODE).close();
    }
    if (doubt.isPresent()) {
      disk.createFile(from, doubt.get().name(), LayerFile.MODE).close();
    }
    boolean isSynced = isDurable || areNamesSynced;
    if (isSynced) {
      files.sync(from);
    }
    if (!placement.placeWhole(ingest, diffId, made, isDurable)) {
      try (Fd into = files.openDirectory(diffId)) {
        if (doubt.isPresent()) {
          mark(into, diffId, made, doubt.get().digest());
        }
        publishBeside(ingest, into, diffId, made, isDurable, record);
      }
    }
    if (isSynced) {
      files.sync(files.top());
    }
  }

  /** Moves into the layer whatever it lacks, replacing files whose contents are unverified. */
  private void publishBeside(
      LayerIngest ingest,
      Fd into,
      Digest diffId,
      List<LayerFile> made,
      boolean isDurable,
      Optional<LayerFile.Blob> record)
      throws ErrnoException {
    Set<LayerFile> placed = new HashSet<>();
    for (LayerFile file : made) {
      if (placement.place(ingest, into, diffId, file, isDurable)) {
        placed.add(file);
      }
    }
    if (!isDurable) {
      if (areNamesSynced) {
        files.sync(into);
      }
      return;
    }
    for (LayerFile file : made) {
      if (!placed.contains(file)) {
        // The existing file may have been published without a sync.
        sync(into, diffId, file);
      }
    }
    if (record.isPresent()) {
      if (placed.contains(LayerFile.Tar.TAR)) {
        // Otherwise, after a crash, the record could vouch for the previous tar.
        files.sync(into);
      }
      files.moveIfFree(ingest.directory(), record.get().name(), into, record.get().name());
    }
    files.sync(into);
    unmark(into, diffId);
  }

  /**
   * Adds the index of an ingest to an existing layer, unless the layer has it.
   *
   * @param isDurable whether it must be durable when this returns
   */
  void add(LayerIngest ingest, Digest diffId, LayerIndex index, boolean isDurable)
      throws ErrnoException {
    LayerFile.Index file = named(ingest, index);
    Optional<Digest> blob = blobs.of(diffId).stream().findFirst();
    // Without a known blob, a lost layer could not be rebuilt.
    boolean isSyncedNow = isDurable || blob.isEmpty();
    if (isSyncedNow) {
      files.bringToDisk(ingest.directory(), file);
    }
    files.seal(ingest.directory(), file);
    try (Fd into = files.openDirectory(diffId)) {
      if (!isSyncedNow) {
        mark(into, diffId, List.of(LayerFile.Tar.TAR, file), blob.orElseThrow());
      }
      boolean isPlaced = placement.place(ingest, into, diffId, file, isSyncedNow);
      if (isSyncedNow && !isPlaced) {
        sync(into, diffId, file);
      }
      if (isSyncedNow || areNamesSynced) {
        files.sync(into);
      }
    }
  }

  /** Renames the index in the ingest to its name in a layer. */
  private LayerFile.Index named(LayerIngest ingest, LayerIndex index) throws ErrnoException {
    LayerFile.Index file = new LayerFile.Index(index.digest());
    disk.rename(ingest.directory(), LayerIngest.INDEX, ingest.directory(), file.name());
    return file;
  }

  /** Marks a layer as unsynced, unless all the given files are already durable. */
  private void mark(Fd directory, Digest diffId, List<LayerFile> made, Digest blob)
      throws ErrnoException {
    boolean isOnDisk = true;
    for (LayerFile file : made) {
      isOnDisk &= isOnDisk(diffId, file);
    }
    if (!isOnDisk && marks.add(directory, diffId, blob) && areNamesSynced) {
      files.sync(directory);
    }
  }

  private boolean isOnDisk(Digest diffId, LayerFile file) throws ErrnoException {
    return fileStates.isDurable(diffId, file) && files.contain(diffId, file);
  }

  /** Removes the mark of a layer if all of it is durable. */
  void unmark(Fd directory, Digest diffId) throws ErrnoException {
    if (marks.contain(diffId)) {
      blobs.record(directory, diffId);
      var _ = removeMark(directory, diffId);
    }
  }

  /** Syncs all of a layer and records that it is durable. */
  void sync(Digest diffId) throws ErrnoException {
    try (Fd directory = files.openDirectory(diffId)) {
      sync(directory, diffId, LayerFile.Tar.TAR);
      for (Digest index : files.indexes(diffId)) {
        sync(directory, diffId, new LayerFile.Index(index));
      }
      files.sync(directory);
      blobs.record(directory, diffId);
      files.sync(files.top());
      unmark(directory, diffId);
    }
  }

  private void sync(Fd directory, Digest diffId, LayerFile file) throws ErrnoException {
    FileStates.FileState known;
    do {
      known = fileStates.of(diffId, file);
      files.bringToDisk(directory, file);
      // Repeat: the file was replaced meanwhile, and its replacement may not be durable.
    } while (!fileStates.synced(diffId, file, known));
  }

  /** {@return whether the mark of a verified layer was removed; not while others may add to it} */
  boolean settle(Fd directory, Digest diffId) throws ErrnoException {
    files.sync(directory);
    blobs.record(directory, diffId);
    files.sync(files.top());
    return removeMark(directory, diffId);
  }

  private boolean removeMark(Fd directory, Digest diffId) throws ErrnoException {
    return refs.ifUnshared(diffId, () -> marks.remove(directory, diffId));
  }
}
