package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.erofs.LayerIndex;
import io.gatun.snapshot.root.Disk;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Makes what is in drafts layers, or parts of them, in the order that {@link LayerStore} promises;
 * and brings to the disk later what nobody has waited for. Whoever calls has a claim on the layer.
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
   * @param areNamesSynced whether at least the names of layers that nobody wants to be durable are
   *     on the disk when they are published, with their marks
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
   * Makes a draft the layer, or a part of it if the layer is there already.
   *
   * @param index which is in the draft, too, if there is one
   * @param blob that was applied, if that is to be recorded
   * @param isDurable whether it has to be on the disk when this returns
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

  /** Has of a draft what the layer lacks, be it that nobody knows what is there instead. */
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
        // Whoever has put it there may not have waited for it.
        sync(into, diffId, file);
      }
    }
    if (record.isPresent()) {
      if (placed.contains(LayerFile.Tar.TAR)) {
        // Or it might vouch for what was there before.
        files.sync(into);
      }
      files.moveIfFree(ingest.directory(), record.get().name(), into, record.get().name());
    }
    files.sync(into);
    unmark(into, diffId);
  }

  /**
   * Gives a layer that is there the index of a draft, unless it has that.
   *
   * @param isDurable whether it has to be on the disk when this returns
   */
  void add(LayerIngest ingest, Digest diffId, LayerIndex index, boolean isDurable)
      throws ErrnoException {
    LayerFile.Index file = named(ingest, index);
    Optional<Digest> blob = blobs.of(diffId).stream().findFirst();
    // Without a blob, it could not be made anew.
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

  /** Gives the index of a draft the name that it has in a layer. */
  private LayerFile.Index named(LayerIngest ingest, LayerIndex index) throws ErrnoException {
    LayerFile.Index file = new LayerFile.Index(index.digest());
    disk.rename(ingest.directory(), LayerIngest.INDEX, ingest.directory(), file.name());
    return file;
  }

  /** Marks a layer, unless all that it is to have is on the disk already. */
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

  /** Takes the mark from a layer if all of it is on the disk by now. */
  void unmark(Fd directory, Digest diffId) throws ErrnoException {
    if (marks.contain(diffId)) {
      blobs.record(directory, diffId);
      var _ = removeMark(directory, diffId);
    }
  }

  /** Returns when all of a layer is on the disk, and that is recorded. */
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
      // Or somebody has put another one in its place meanwhile, which may not be on the disk.
    } while (!fileStates.synced(diffId, file, known));
  }

  /**
   * Takes the mark from a layer of which all has been found on the disk.
   *
   * @return whether it has none any more, and not that somebody else may be adding to the layer
   */
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
