package io.gatun.snapshot.layerstore;

import io.gatun.linux.DirectoryEntry;
import io.gatun.linux.DirectoryReader;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.erofs.ImageTemplate;
import io.gatun.snapshot.layer.erofs.LayerIndex;
import io.gatun.snapshot.layer.erofs.LayerIndexer;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is made of a layer before it is known to be one: a directory {@code layers/N.new} that is
 * taken away again unless the store makes it the layer's.
 */
public final class LayerIngest implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LayerIngest.class);

  static final LinuxPath TAR = LayerFile.Tar.TAR.name();
  static final LinuxPath INDEX = LinuxPath.of("index");

  private final Disk disk;
  private final Fd layers;
  private final LinuxPath name;
  private final Fd directory;
  private final long mark;
  private boolean isPublished;

  /**
   * @param layers the directory that it is in
   * @param name under which it was made there
   * @param directory itself, which is closed with this
   * @param mark from {@link FileStates#mark}
   */
  LayerIngest(Disk disk, Fd layers, LinuxPath name, Fd directory, long mark) {
    this.disk = disk;
    this.layers = layers;
    this.name = name;
    this.directory = directory;
    this.mark = mark;
  }

  Fd directory() {
    return directory;
  }

  LinuxPath name() {
    return name;
  }

  long mark() {
    return mark;
  }

  /** {@return where the tree of a large layer goes meanwhile} */
  Spill spill() {
    // Beside the draft, since the tree may be in use for longer.
    return new Spill(disk, layers);
  }

  /** {@return a new file for the tar} */
  Fd createTar() throws LayerStoreException {
    try {
      return disk.createFile(directory, TAR, LayerFile.MODE);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot make the tar", e);
    }
  }

  /** {@return the tar to be written past the page cache, if its filesystem can do that} */
  Optional<DirectWriter> openTarDirectly() {
    try {
      Fd file =
          Fcntl.openat(directory, TAR, OpenFlag.WRITE_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.DIRECT);
      return Optional.of(new DirectWriter(disk, file, System::nanoTime));
    } catch (ErrnoException e) {
      // Whatever it is: the file can be written the other way.
      return Optional.empty();
    }
  }

  /** Writes the index; nothing is synced. */
  LayerIndex writeIndex(LayerIndexer indexer, Digest diffId, long tarBytes) throws IOException {
    return writeIndex(file -> indexer.finish(disk, file, diffId, tarBytes));
  }

  /** As before, of one that is in memory. */
  LayerIndex writeIndex(ImageTemplate copy) throws IOException {
    return writeIndex(file -> copy.write(disk, file));
  }

  /** Fills a file with an index. */
  private interface IndexWriter {
    LayerIndex write(Fd file) throws IOException;
  }

  private LayerIndex writeIndex(IndexWriter writer) throws IOException {
    try (Fd file = disk.createFile(directory, INDEX, LayerFile.MODE)) {
      return writer.write(file);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot write the index", e);
    }
  }

  /**
   * {@return the tar, which has been written and found right}
   *
   * @throws LayerStoreException if it cannot be opened
   */
  public StoredTar openTar() throws LayerStoreException {
    try {
      return new StoredTar(Fcntl.openat(directory, TAR, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW));
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot open the tar", e);
    }
  }

  /** Says that the directory is the layer's now. */
  void published() {
    isPublished = true;
  }

  /** Takes away what has not become a part of a layer. */
  @Override
  public void close() {
    try {
      if (!isPublished) {
        Unistd.rewind(directory);
        for (DirectoryEntry entry : new DirectoryReader().all(directory)) {
          disk.removeFile(directory, entry.name());
        }
        disk.removeDirectory(layers, name);
      }
    } catch (ErrnoException e) {
      log.warn(
          "what was made of a layer cannot be taken away now, the next start tries again directory={} error=\"{}\"",
          name,
          e.getMessage());
    } finally {
      directory.close();
    }
  }
}
