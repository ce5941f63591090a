package io.gatun.server.content;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
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
public final class ContentFiles implements LayerBlobs {

  private static final Logger LOG = LoggerFactory.getLogger(ContentFiles.class);

  private static final String BLOBS = "io.containerd.content.v1.content/blobs/sha256";

  private final Path root;

  /**
   * @param root the directory in which containerd keeps its data
   */
  public ContentFiles(Path root) {
    this.root = root;
  }

  /**
   * {@return the blob, to be closed by the caller; nothing if it is not where containerd keeps it}
   */
  @Override
  public Optional<LayerBlob> open(Digest digest) {
    return open(digest, OptionalLong.empty());
  }

  /**
   * As {@link #open(Digest)}.
   *
   * @param wantedBytes how long it has to be, if that is known
   */
  Optional<LayerBlob> open(Digest digest, OptionalLong wantedBytes) {
    Path path = root.resolve(BLOBS).resolve(digest.hex());
    try {
      if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        long sizeBytes = Files.size(path);
        if (wantedBytes.orElse(sizeBytes) == sizeBytes) {
          return Optional.of(FileBlob.open(path, digest, OptionalLong.of(sizeBytes), false));
        }
      }
      LOG.debug("blob is not in its file path={}", path);
    } catch (IOException e) {
      LOG.debug("blob is not read from its file path={} error=\"{}\"", path, e.getMessage());
    }
    return Optional.empty();
  }
}
