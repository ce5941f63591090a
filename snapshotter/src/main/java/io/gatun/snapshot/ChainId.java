package io.gatun.snapshot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.MessageDigest;
import java.util.Optional;

/**
 * The digest of a chain of layers (OCI image specification, config.md, "Layer ChainID"), by which
 * containerd names the snapshots that it unpacks layers into. So the name of a snapshot and that of
 * its parent say which layer it has.
 */
public final class ChainId {

  private ChainId() {}

  /**
   * {@return the chain id in the name of a snapshot, as in {@code k8s.io/12/sha256:...}, or in the
   * key under which containerd has a layer unpacked, as in {@code k8s.io/12/extract-123-abc
   * sha256:...}, which is also the name of one that was there already}
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
   * {@return the chain id of a layer on a chain}
   *
   * @param below the chain id of that, if there are layers below
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
