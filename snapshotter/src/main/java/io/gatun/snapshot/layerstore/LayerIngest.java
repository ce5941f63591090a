package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.index.ImageTemplate;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layerstore.tar.DirectWriter;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A layer that is being written, in a directory {@code layers/N.new} that is removed on close
 * unless the store publishes it.
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
   * @param layers the parent directory
   * @param name of the directory in it
   * @param directory the open directory, which is closed with this
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

  /** {@return the spill file for the tree of a large layer} */
  Spill spill() {
    // Not in the ingest directory, because the tree may outlive the ingest.
    return new Spill(disk, layers);
  }

  /** Creates the tar file. */
  Fd createTar() throws LayerStoreException {
    try {
      return disk.createFile(directory, TAR, LayerFile.MODE);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot create the tar", e);
    }
  }

  /** Opens the tar for direct I/O, if its filesystem supports it. */
  Optional<DirectWriter> openTarDirectly() {
    try {
      Fd file =
          Fcntl.openat(directory, TAR, OpenFlag.WRITE_ONLY, OpenFlag.NO_FOLLOW, OpenFlag.DIRECT);
      return Optional.of(new DirectWriter(disk, file, System::nanoTime));
    } catch (ErrnoException e) {
      // Whatever the cause, the tar can be written through the page cache.
      return Optional.empty();
    }
  }

  /** Writes the index, without a sync. */
  LayerIndex writeIndex(LayerIndexer indexer, Digest diffId, long tarBytes) throws IOException {
    return writeIndex(file -> indexer.finish(disk, file, diffId, tarBytes));
  }

  /** Writes an index that is in memory, without a sync. */
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
   * {@return the tar, which is complete and verified}
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

  /** Marks the directory as published. */
  void published() {
    isPublished = true;
  }

  /** Removes the files that were not published. */
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
          "cannot remove the unpublished files of a layer, the next start will retry directory={} error=\"{}\"",
          name,
          e.getMessage());
    } finally {
      directory.close();
    }
  }
}
