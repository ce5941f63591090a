package io.gatun.snapshot.fsck;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.FileStatus;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.NodeType;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layerstore.ContentHash;
import io.gatun.snapshot.layerstore.DiskContent;
import io.gatun.snapshot.layerstore.LayerFile;
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
 * Reads what the disk has of the layers that are kept as tars: a tar has to be what its directory
 * says, the diff id, and an index what its own name says, and what the tar gives. For the latter it
 * is made anew while the tar is hashed, and compared byte for byte.
 *
 * <p>What an index depends on besides the tar is what directories inherit, which it says itself. It
 * does not where that is more than owners, modes and times; such an index is hashed only, and that
 * is said.
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
   * @param files the tar last, if it is there
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
              ("%d of %d indexes were hashed only, and not compared with ones made anew: they"
                      + " inherit more of the layers below than they say themselves")
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
    // Of a tar that is there and right, all of them have been compared.
    right.forEach(place -> findings.add(RemadeIndex.withoutTar(place)));
  }

  /** Has as many of the indexes compared as can be in one pass. */
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

  /** Reads a file, and of a tar has indexes made. */
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
                "on the disk it is not what its name says: its content is damaged"));
        compared.giveUp(findings);
      }
      return isRight;
    } catch (IOException e) {
      findings.add(unreadable(file.place(), e));
      compared.giveUp(findings);
      return false;
    }
  }

  /** Reads a right tar again for indexes that were too many for the first time. */
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
