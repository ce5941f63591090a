package io.gatun.server.rpc;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.Compression;
import java.util.Map;
import java.util.Set;

/**
 * The media types of layers that can be unpacked, and of those that can be created. A layer to be
 * unpacked is recognised as compressed by its content, not by its media type.
 */
final class LayerMediaType {

  /** From the OCI image specification, and Docker's image manifest, version 2. */
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

  /** The media type of a new layer if the client does not name one. */
  static final String DEFAULT = "application/vnd.oci.image.layer.v1.tar+gzip";

  /** The media types of new layers. */
  private static final Map<String, Compression> MADE =
      Map.of(
          "application/vnd.oci.image.layer.v1.tar",
          Compression.NONE,
          DEFAULT,
          Compression.GZIP,
          "application/vnd.oci.image.layer.v1.tar+zstd",
          Compression.ZSTD,
          "application/vnd.docker.image.rootfs.diff.tar",
          Compression.NONE,
          "application/vnd.docker.image.rootfs.diff.tar.gzip",
          Compression.GZIP,
          "application/vnd.docker.image.rootfs.diff.tar.zstd",
          Compression.ZSTD);

  private LayerMediaType() {}

  /**
   * {@return the compression of a new layer of this media type}
   *
   * @throws SnapshotException.Unsupported if gatun cannot create such layers
   */
  static Compression compression(String mediaType) {
    Compression compression = MADE.get(mediaType);
    if (compression == null) {
      throw new SnapshotException.Unsupported(
          "diff: gatun cannot create layers of the media type \"%s\"".formatted(mediaType));
    }
    return compression;
  }

  /**
   * Checks that a blob's media type is that of a layer.
   *
   * @throws SnapshotException.Unsupported if it is another type, or needs processing first, as with
   *     {@code +encrypted}
   */
  static void require(String mediaType, String digest) {
    String[] parts = mediaType.split("\\+", -1);
    if (!TARS.contains(parts[0])) {
      throw unsupported(mediaType, digest, "is not a known layer type");
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
