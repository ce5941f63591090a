package io.gatun.snapshot.apply.store;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.apply.Digest;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Brings the files of a layer to the disk, and hashes what the disk has of those that nobody knows
 * to be whole. What is right is known to be whole from then on.
 */
final class LayerVerification {

  private final LayerFiles files;
  private final TrustedFiles trusted;

  LayerVerification(LayerFiles files, TrustedFiles trusted) {
    this.files = files;
    this.trusted = trusted;
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
    files.bringToDisk(directory, file);
    trusted.synced(diffId, file);
    if (trusted.isDurable(diffId, file)) {
      return true;
    }
    if (!isRight(directory, file, digest, reading)) {
      return false;
    }
    trusted.durable(diffId, file);
    return true;
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
