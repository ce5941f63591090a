package io.gatun.snapshot.check;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.store.ContentHash;
import io.gatun.snapshot.apply.store.DiskContent;
import io.gatun.snapshot.apply.store.LayerFile;
import io.gatun.snapshot.disk.Root;
import io.gatun.snapshot.disk.RootInspection;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Hashes what the disk has of the layers that are kept as tars: a tar has to be what its directory
 * says, the diff id, and an index what its own name says.
 */
final class ContentCheck {

  private final RootInspection root;
  private final List<RootFinding> findings;
  private final ContentProgress progress;
  private long bytes;
  private long ofBytes;

  /**
   * @param isTar whether zeros may follow up to a whole block
   */
  private record Hashed(LinuxPath place, Digest digest, boolean isTar) {}

  ContentCheck(RootInspection root, List<RootFinding> findings, ContentProgress progress) {
    this.root = root;
    this.findings = findings;
    this.progress = progress;
  }

  void run() throws ErrnoException {
    List<Hashed> all = all();
    try (ExecutorService reading = Executors.newSingleThreadExecutor()) {
      for (Hashed file : all) {
        check(file, reading);
      }
    }
  }

  private List<Hashed> all() throws ErrnoException {
    List<Hashed> all = new ArrayList<>();
    if (!isA(Root.LAYERS, NodeType.DIRECTORY)) {
      return all;
    }
    for (LinuxPath name : root.names(Root.LAYERS)) {
      Optional<Digest> diffId = LayerFile.diffId(name);
      LinuxPath directory = Root.LAYERS.resolve(name);
      if (diffId.isPresent() && isA(directory, NodeType.DIRECTORY)) {
        for (LinuxPath file : root.names(directory)) {
          LayerFile.of(file)
              .flatMap(kind -> hashed(directory.resolve(file), kind, diffId.get()))
              .ifPresent(all::add);
        }
      }
    }
    all.removeIf(file -> !isCounted(file.place()));
    return all;
  }

  private static Optional<Hashed> hashed(LinuxPath place, LayerFile file, Digest diffId) {
    return switch (file) {
      case LayerFile.Tar _ -> Optional.of(new Hashed(place, diffId, true));
      case LayerFile.Index(Digest digest) -> Optional.of(new Hashed(place, digest, false));
      case LayerFile.Blob _, LayerFile.Unsynced _ -> Optional.empty();
    };
  }

  /** What is no file has been found to be none, and is not read. */
  private boolean isCounted(LinuxPath place) {
    try {
      Optional<FileStatus> status = root.status(place);
      if (status.isEmpty() || status.get().type() != NodeType.REGULAR) {
        return false;
      }
      ofBytes += status.get().sizeBytes();
      return true;
    } catch (ErrnoException e) {
      findings.add(unreadable(place, e));
      return false;
    }
  }

  private boolean isA(LinuxPath place, NodeType type) throws ErrnoException {
    return root.status(place).filter(status -> status.type() == type).isPresent();
  }

  private void check(Hashed file, ExecutorService reading) {
    long before = bytes;
    try (DiskContent content = new DiskContent(root.directory(), file.place(), reading)) {
      if (!ContentHash.isRight(content, file.digest(), file.isTar(), this::read)) {
        findings.add(
            new RootFinding.DamagedLayer(
                file.place().toString(),
                "on the disk it is not what its name says: its content is damaged"));
      }
      bytes = before + content.sizeBytes();
    } catch (IOException e) {
      findings.add(unreadable(file.place(), e));
    }
  }

  /**
   * What the disk says by itself that it does not have is damaged; another call may have failed.
   */
  private static RootFinding unreadable(LinuxPath place, IOException failure) {
    String sentence = "it cannot be read: " + failure.getMessage();
    return failure instanceof ErrnoException call && DiskContent.isDamage(call.errno())
        ? new RootFinding.DamagedLayer(place.toString(), sentence)
        : new RootFinding.Corrupt(place.toString(), sentence);
  }

  private void read(int length) {
    bytes += length;
    progress.read(bytes, ofBytes);
  }
}
