package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layerstore.tar.ContentHash;
import io.gatun.snapshot.layerstore.tar.DiskContent;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Syncs the files of a layer and hashes the on-disk content of those that are not known to be
 * intact. Files that match are recorded as durable.
 */
final class LayerVerification {

  private final LayerFiles files;
  private final FileStates fileStates;

  LayerVerification(LayerFiles files, FileStates fileStates) {
    this.files = files;
    this.fileStates = fileStates;
  }

  LayerDamage run(Fd directory, Digest diffId) throws LayerStoreException {
    Set<Digest> indexes = new HashSet<>();
    try (ExecutorService reading = Executors.newSingleThreadExecutor()) {
      boolean isTarDamaged =
          !files.contain(diffId, LayerFile.Tar.TAR)
              || !isWhole(directory, diffId, LayerFile.Tar.TAR, diffId, reading);
      for (LayerFile file : files.of(diffId)) {
        if (file instanceof LayerFile.Index(Digest index)
            && files.contain(diffId, file)
            && !isWhole(directory, diffId, file, index, reading)) {
          indexes.add(index);
        }
      }
      return new LayerDamage(isTarDamaged, indexes);
    } catch (ErrnoException e) {
      throw new LayerStoreException("cannot verify layer " + diffId, e);
    }
  }

  private boolean isWhole(
      Fd directory, Digest diffId, LayerFile file, Digest digest, ExecutorService reading)
      throws ErrnoException {
    while (true) {
      FileStates.FileState known = fileStates.of(diffId, file);
      files.bringToDisk(directory, file);
      if (fileStates.synced(diffId, file, known)) {
        if (fileStates.isDurable(diffId, file)) {
          return true;
        }
        boolean isRight = isRight(directory, file, digest, reading);
        boolean isSame =
            isRight
                ? fileStates.verified(diffId, file, known)
                : fileStates.of(diffId, file).equals(known);
        if (isSame) {
          return isRight;
        }
      }
      // Repeat: the file was replaced meanwhile, and its replacement may not be durable.
    }
  }

  private static boolean isRight(
      Fd directory, LayerFile file, Digest digest, ExecutorService reading) throws ErrnoException {
    try (DiskContent content = new DiskContent(directory, file.name(), reading)) {
      return ContentHash.isRight(content, digest, file instanceof LayerFile.Tar, _ -> {});
    } catch (ErrnoException e) {
      if (DiskContent.isDamage(e.errno())) {
        return false;
      }
      throw e;
    } catch (IOException e) {
      throw new IllegalStateException("reading " + file.name(), e);
    }
  }
}
