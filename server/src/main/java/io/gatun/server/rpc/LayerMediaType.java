package io.gatun.server.rpc;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.Compression;
import java.util.Map;
import java.util.Set;

/**
 * Which blobs are layers that can be unpacked, by what they are said to be, and which are made. How
 * those are compressed that are unpacked is for the blobs themselves to say.
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

  /** What a layer is made as if the client does not say. */
  static final String DEFAULT = "application/vnd.oci.image.layer.v1.tar+gzip";

  /** Those that layers are made as. */
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
   * {@return how a layer of this media type is compressed}
   *
   * @throws SnapshotException.Unsupported if gatun makes no such layers
   */
  static Compression compression(String mediaType) {
    Compression compression = MADE.get(mediaType);
    if (compression == null) {
      throw new SnapshotException.Unsupported(
          "diff: gatun makes no layers of the media type \"%s\"".formatted(mediaType));
    }
    return compression;
  }

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
