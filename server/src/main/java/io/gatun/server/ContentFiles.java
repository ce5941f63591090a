package io.gatun.server;

import io.gatun.snapshot.apply.Digest;
import io.gatun.snapshot.apply.FileBlob;
import io.gatun.snapshot.apply.LayerBlob;
import io.gatun.snapshot.engine.LayerBlobs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files in which containerd keeps its blobs:
 *
 * <pre>
 *   ROOT/io.containerd.content.v1.content/blobs/sha256/HEX     a blob that is complete
 * </pre>
 *
 * <p>They are there while containerd is not, as when the daemon starts before it. What is read is
 * hashed, since a disk that has damaged a layer may have damaged its blob.
 */
final class ContentFiles implements LayerBlobs {

  private static final Logger LOG = LoggerFactory.getLogger(ContentFiles.class);

  private static final String BLOBS = "io.containerd.content.v1.content/blobs/sha256";

  private final Path root;

  /**
   * @param root the directory in which containerd keeps its data
   */
  ContentFiles(Path root) {
    this.root = root;
  }

  /**
   * {@return the blob, to be closed by the caller; nothing if it is not where containerd keeps it}
   */
  @Override
  public Optional<LayerBlob> open(Digest digest) {
    Path path = path(digest);
    try {
      if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        LOG.debug("blob is not in its file path={}", path);
        return Optional.empty();
      }
      return open(path, digest, Files.size(path));
    } catch (IOException e) {
      return unreadable(path, e);
    }
  }

  /**
   * As {@link #open(Digest)}.
   *
   * @param sizeBytes how long it has to be
   */
  Optional<LayerBlob> open(Digest digest, long sizeBytes) {
    Path path = path(digest);
    try {
      if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) || Files.size(path) != sizeBytes) {
        LOG.debug("blob is not in its file path={}", path);
        return Optional.empty();
      }
      return open(path, digest, sizeBytes);
    } catch (IOException e) {
      return unreadable(path, e);
    }
  }

  private static Optional<LayerBlob> open(Path path, Digest digest, long sizeBytes)
      throws IOException {
    return Optional.of(FileBlob.open(path, digest, OptionalLong.of(sizeBytes), false));
  }

  private Path path(Digest digest) {
    return root.resolve(BLOBS).resolve(digest.hex());
  }

  private static Optional<LayerBlob> unreadable(Path path, IOException failure) {
    LOG.debug("blob is not read from its file path={} reason=\"{}\"", path, failure.getMessage());
    return Optional.empty();
  }
}
