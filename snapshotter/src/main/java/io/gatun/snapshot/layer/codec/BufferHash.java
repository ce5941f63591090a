package io.gatun.snapshot.layer.codec;

import io.gatun.snapshot.Digest;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/**
 * A sha256 of off-heap buffers.
 *
 * <p>{@link MessageDigest} accepts them too and copies them in the same way, but in a method whose
 * JIT compilation takes as long as unpacking a layer of 100 MB, and is repeated for each kind of
 * buffer.
 */
public final class BufferHash {

  /** Large enough to hide the cost of a call, small enough for the processor's L1 cache. */
  private static final int PIECE_BYTES = 16 << 10;

  private final MessageDigest sha256 = Digest.sha256();
  private final byte[] piece = new byte[PIECE_BYTES];

  public void reset() {
    sha256.reset();
  }

  /** Hashes the rest of a buffer. */
  public void update(ByteBuffer part) {
    while (part.hasRemaining()) {
      int bytes = Math.min(part.remaining(), piece.length);
      part.get(piece, 0, bytes);
      sha256.update(piece, 0, bytes);
    }
  }

  /** {@return the digest of the hashed data} Resets the hash. */
  public Digest finish() {
    return Digest.of(sha256);
  }

  /**
   * {@return the digest of the hashed data followed by the given bytes} Does not change the hash.
   */
  public Digest with(byte[] end, int length) {
    try {
      MessageDigest copy = (MessageDigest) sha256.clone();
      copy.update(end, 0, length);
      return Digest.of(copy);
    } catch (CloneNotSupportedException e) {
      throw new AssertionError("the JDK's SHA-256 can be copied", e);
    }
  }
}
