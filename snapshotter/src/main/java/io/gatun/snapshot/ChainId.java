package io.gatun.snapshot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.MessageDigest;
import java.util.Optional;

/**
 * The digest of a chain of layers (OCI image specification, config.md, "Layer ChainID"), by which
 * containerd names the snapshots of unpacked layers. The names of a snapshot and its parent
 * therefore identify its layer.
 */
public final class ChainId {

  private ChainId() {}

  /**
   * {@return the chain id in a snapshot's name such as {@code k8s.io/12/sha256:...}, or in the key
   * of a layer being unpacked, such as {@code k8s.io/12/extract-123-abc sha256:...}, which is also
   * the name of a layer that already existed}
   */
  public static Optional<Digest> in(String name) {
    int begin = 1 + Math.max(name.lastIndexOf('/'), name.lastIndexOf(' '));
    try {
      return Optional.of(new Digest(name.substring(begin)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /**
   * {@return the chain id of a layer on top of a chain}
   *
   * @param below the chain id of the lower layers, if there are any
   */
  public static Digest of(Optional<Digest> below, Digest diffId) {
    if (below.isEmpty()) {
      return diffId;
    }
    MessageDigest sha256 = Digest.sha256();
    sha256.update((below.get() + " " + diffId).getBytes(US_ASCII));
    return Digest.of(sha256);
  }
}
