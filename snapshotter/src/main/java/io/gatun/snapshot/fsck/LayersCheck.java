package io.gatun.snapshot.fsck;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.layerstore.LayerFile;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.RootInspection;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Checks which layers are in {@code layers/}, and whether they are the ones that records name. Does
 * not read the files.
 */
final class LayersCheck {

  private static final int DIRECTORY_MODE = 0700;

  private final RootInspection root;
  private final List<RootFinding> findings;
  private final PlaceCheck places;

  LayersCheck(RootInspection root, List<RootFinding> findings) {
    this.root = root;
    this.findings = findings;
    this.places = new PlaceCheck(findings);
  }

  void run(Collection<SnapshotRecord> records) throws ErrnoException {
    Set<LinuxPath> named = new HashSet<>();
    for (SnapshotRecord record : records) {
      if (record.form() instanceof LayerForm.Indexed layer) {
        checkRecord(record, layer, named);
      }
    }
    if (!isDirectory(Root.LAYERS)) {
      return;
    }
    for (LinuxPath name : root.names(Root.LAYERS)) {
      LinuxPath place = Root.LAYERS.resolve(name);
      if (LayerFile.diffId(name).isPresent()) {
        checkLayer(place, named);
      } else if (LayerFile.isInTheMaking(name)) {
        notice(place, "this is an unfinished layer, which the next start deletes");
      } else {
        noticeStrange(place);
      }
    }
  }

  private void checkRecord(SnapshotRecord record, LayerForm.Indexed layer, Set<LinuxPath> named)
      throws ErrnoException {
    for (LayerFile file : List.of(new LayerFile.Tar(), new LayerFile.Index(layer.index()))) {
      LinuxPath place = place(layer.diffId()).resolve(file.name());
      named.add(place);
      if (status(place).filter(found -> found.type() == NodeType.REGULAR).isEmpty()) {
        findings.add(new RootFinding.MissingFiles(record, place.toString()));
      }
    }
  }

  private void checkLayer(LinuxPath directory, Set<LinuxPath> named) throws ErrnoException {
    Optional<FileStatus> status = root.status(directory);
    if (status.isEmpty()) {
      return;
    }
    places.check(directory.toString(), status.get(), NodeType.DIRECTORY, DIRECTORY_MODE);
    if (status.get().type() != NodeType.DIRECTORY) {
      return;
    }
    for (LinuxPath name : root.names(directory)) {
      checkFile(directory.resolve(name), LayerFile.of(name), named);
    }
  }

  private void checkFile(LinuxPath place, Optional<LayerFile> file, Set<LinuxPath> named)
      throws ErrnoException {
    Optional<FileStatus> status = root.status(place);
    if (file.isEmpty()) {
      noticeStrange(place);
    } else if (status.isPresent()) {
      places.check(place.toString(), status.get(), NodeType.REGULAR, LayerFile.MODE);
      boolean isOfLayer =
          switch (file.get()) {
            case LayerFile.Tar _, LayerFile.Index _ -> true;
            case LayerFile.Blob _, LayerFile.Unsynced _ -> false;
          };
      if (isOfLayer && !named.contains(place)) {
        notice(
            place,
            "no committed snapshot uses this; unless an active one does, the next start deletes it");
      }
    }
  }

  private void noticeStrange(LinuxPath place) {
    findings.add(RootCheck.strange(place.toString()));
  }

  private void notice(LinuxPath place, String sentence) {
    findings.add(new RootFinding.Notice(place.toString(), sentence));
  }

  private static LinuxPath place(Digest diffId) {
    return Root.LAYERS.resolve(diffId.hex());
  }

  /** Treats a path through a non-directory as missing. */
  private Optional<FileStatus> status(LinuxPath place) throws ErrnoException {
    try {
      return root.status(place);
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOTDIR)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private boolean isDirectory(LinuxPath name) throws ErrnoException {
    return root.status(name).filter(status -> status.type() == NodeType.DIRECTORY).isPresent();
  }
}
