package io.gatun.snapshot.fsck;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layerstore.LayerFile;
import io.gatun.snapshot.layerstore.tar.ContentHash;
import io.gatun.snapshot.layerstore.tar.DiskContent;
import io.gatun.snapshot.root.Root;
import io.gatun.snapshot.root.RootInspection;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Reads the on-disk content of indexed layers: a tar must match its diff id, and an index its own
 * name and the tar. For the latter, the index is rebuilt while the tar is hashed, and compared byte
 * for byte.
 *
 * <p>An index also depends on attributes that directories inherit, and it records them unless they
 * are more than owners, modes and times. An index that does not record them is only hashed, which
 * the report says.
 */
final class ContentCheck {

  private final RootInspection root;
  private final List<RootFinding> findings;
  private final ContentProgress progress;
  private long bytes;
  private long ofBytes;
  private int indexes;
  private int unrecorded;

  /**
   * @param isTar whether zeros may follow up to a whole block
   */
  private record Hashed(LinuxPath place, Digest digest, boolean isTar) {}

  /**
   * @param files with the tar last, if it exists
   */
  private record Layer(Digest diffId, List<Hashed> files) {}

  ContentCheck(RootInspection root, List<RootFinding> findings, ContentProgress progress) {
    this.root = root;
    this.findings = findings;
    this.progress = progress;
  }

  void run() throws ErrnoException {
    List<Layer> all = all();
    try (ExecutorService reading = Executors.newSingleThreadExecutor();
        ExecutorService hashing = Executors.newSingleThreadExecutor()) {
      for (Layer layer : all) {
        check(layer, reading, hashing);
      }
    }
    if (unrecorded > 0) {
      findings.add(
          new RootFinding.Notice(
              Root.LAYERS.toString(),
              ("%d of %d indexes were only hashed and not compared with rebuilt ones: they inherit"
                      + " attributes of lower layers that they do not record")
                  .formatted(unrecorded, indexes)));
    }
  }

  private List<Layer> all() throws ErrnoException {
    List<Layer> all = new ArrayList<>();
    if (!hasType(Root.LAYERS, NodeType.DIRECTORY)) {
      return all;
    }
    for (LinuxPath name : root.names(Root.LAYERS)) {
      Optional<Digest> diffId = LayerFile.diffId(name);
      LinuxPath directory = Root.LAYERS.resolve(name);
      if (diffId.isPresent() && hasType(directory, NodeType.DIRECTORY)) {
        all.add(layer(directory, diffId.get()));
      }
    }
    return all;
  }

  private Layer layer(LinuxPath directory, Digest diffId) throws ErrnoException {
    List<Hashed> files = new ArrayList<>();
    for (LinuxPath name : root.names(directory)) {
      Optional<Hashed> file =
          LayerFile.of(name)
              .flatMap(kind -> hashed(directory.resolve(name), kind, diffId))
              .filter(found -> isCounted(found.place()));
      if (file.isPresent()) {
        files.add(file.get().isTar() ? files.size() : 0, file.get());
      }
    }
    return new Layer(diffId, files);
  }

  private static Optional<Hashed> hashed(LinuxPath place, LayerFile file, Digest diffId) {
    return switch (file) {
      case LayerFile.Tar _ -> Optional.of(new Hashed(place, diffId, true));
      case LayerFile.Index(Digest digest) -> Optional.of(new Hashed(place, digest, false));
      case LayerFile.Blob _, LayerFile.Unsynced _ -> Optional.empty();
    };
  }

  /** Another check reports other types of files, which are not read here. */
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

  private boolean hasType(LinuxPath place, NodeType type) throws ErrnoException {
    return root.status(place).filter(status -> status.type() == type).isPresent();
  }

  private void check(Layer layer, ExecutorService reading, ExecutorService hashing) {
    Queue<LinuxPath> right = new ArrayDeque<>();
    for (Hashed file : layer.files()) {
      try (IndexesCheck compared = new IndexesCheck()) {
        if (file.isTar()) {
          fill(compared, right);
        }
        if (isRight(file, compared, reading, hashing)) {
          if (file.isTar()) {
            compareMore(file, right, reading);
          } else {
            indexes++;
            right.add(file.place());
          }
        }
      }
    }
    // An intact tar would have been compared with all of them.
    right.forEach(place -> findings.add(RemadeIndex.withoutTar(place)));
  }

  /** Adds as many indexes as one pass can compare. */
  private void fill(IndexesCheck compared, Queue<LinuxPath> indexes) {
    while (!compared.isFull() && !indexes.isEmpty()) {
      LinuxPath place = indexes.remove();
      try {
        if (!compared.add(root, place)) {
          unrecorded++;
        }
      } catch (IOException e) {
        findings.add(unreadable(place, e));
      }
    }
  }

  /** Hashes a file and, for a tar, rebuilds indexes. */
  private boolean isRight(
      Hashed file, IndexesCheck compared, ExecutorService reading, ExecutorService hashing) {
    long before = bytes;
    try (DiskContent content = new DiskContent(root.directory(), file.place(), reading);
        ContentHash hash = new ContentHash(content, file.isTar(), hashing, this::read)) {
      compared.read(hash);
      boolean isRight = hash.isRight(file.digest());
      bytes = before + content.sizeBytes();
      if (isRight) {
        compared.finish(file.digest(), content.sizeBytes(), findings);
      } else {
        findings.add(
            new RootFinding.DamagedLayer(
                file.place().toString(),
                "it is damaged: its content on disk does not match its name"));
        compared.giveUp(findings);
      }
      return isRight;
    } catch (IOException e) {
      findings.add(unreadable(file.place(), e));
      compared.giveUp(findings);
      return false;
    }
  }

  /** Reads an intact tar again for indexes that exceeded the limit of one pass. */
  private void compareMore(Hashed tar, Queue<LinuxPath> indexes, ExecutorService reading) {
    while (!indexes.isEmpty()) {
      try (IndexesCheck compared = new IndexesCheck()) {
        fill(compared, indexes);
        try (DiskContent content = new DiskContent(root.directory(), tar.place(), reading)) {
          compared.read(content::next);
          compared.finish(tar.digest(), content.sizeBytes(), findings);
        } catch (IOException e) {
          findings.add(unreadable(tar.place(), e));
          compared.giveUp(findings);
        }
      }
    }
  }

  /** An error that shows lost data is damage; other errors may come from another cause. */
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
