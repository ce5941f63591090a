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
 * The files in which containerd stores its blobs:
 *
 * <pre>
 *   ROOT/io.containerd.content.v1.content/blobs/sha256/HEX     a complete blob
 * </pre>
 *
 * <p>They can be read while containerd is not running, for instance if the daemon starts before it.
 * Readers verify the digest, since a disk that damaged a layer may have damaged its blob as well.
 */
public final class ContentFiles implements LayerBlobs {

  private static final Logger LOG = LoggerFactory.getLogger(ContentFiles.class);

  private static final String BLOBS = "io.containerd.content.v1.content/blobs/sha256";

  private final Path root;

  /**
   * @param root containerd's data directory
   */
  public ContentFiles(Path root) {
    this.root = root;
  }

  /** {@return the blob, which the caller closes; empty if its file is missing} */
  @Override
  public Optional<LayerBlob> open(Digest digest) {
    return open(digest, OptionalLong.empty());
  }

  /**
   * As {@link #open(Digest)}.
   *
   * @param wantedBytes the required size, if known
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
      LOG.debug("blob file missing or of another size path={}", path);
    } catch (IOException e) {
      LOG.debug("cannot read blob file path={} error=\"{}\"", path, e.getMessage());
    }
    return Optional.empty();
  }
}
