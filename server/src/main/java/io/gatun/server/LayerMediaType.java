package io.gatun.server;

import io.gatun.snapshot.SnapshotException;
import java.util.Set;

/**
 * Which blobs are layers that can be unpacked, by what they are said to be. How they are compressed
 * is for the blobs themselves to say.
 */
final class LayerMediaType {

  /** Those of the OCI image specification, and of Docker's image manifest, version 2. */
  private static final Set<String> TARS =
      Set.of(
          "application/vnd.oci.image.layer.v1.tar",
          "application/vnd.oci.image.layer.nondistributable.v1.tar",
          "application/vnd.docker.image.rootfs.diff.tar",
          "application/vnd.docker.image.rootfs.diff.tar.gzip",
          "application/vnd.docker.image.rootfs.diff.tar.zstd",
          "application/vnd.docker.image.rootfs.foreign.diff.tar",
          "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");

  private static final Set<String> COMPRESSIONS = Set.of("gzip", "zstd");

  private LayerMediaType() {}

  /**
   * Sees to it that a blob is a layer, as far as its media type says.
   *
   * @throws SnapshotException.Unsupported if it is something else, or has to be processed first, as
   *     {@code +encrypted} says for example
   */
  static void require(String mediaType, String digest) {
    String[] parts = mediaType.split("\\+", -1);
    if (!TARS.contains(parts[0])) {
      throw unsupported(mediaType, digest, "is no layer that gatun knows");
    }
    for (int i = 1; i < parts.length; i++) {
      if (!COMPRESSIONS.contains(parts[i])) {
        throw unsupported(mediaType, digest, "needs a processor that gatun does not have");
      }
    }
  }

  private static SnapshotException unsupported(String mediaType, String digest, String reason) {
    return new SnapshotException.Unsupported(
        "apply: layer %s: \"%s\" %s".formatted(digest, mediaType, reason));
  }
}
