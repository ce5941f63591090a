package io.gatun.snapshot.layer.codec;

import io.gatun.snapshot.Digest;
import java.nio.ByteBuffer;
import java.security.MessageDigest;

/**
 * A sha256 of what is in buffers outside the heap.
 *
 * <p>{@link MessageDigest} takes those as well, and copies them in the same way, but in a method
 * that the JVM compiles for as long as a layer of 100 MB takes to unpack, and again for each kind
 * of buffer.
 */
public final class BufferHash {

  /** What a call costs does not show beside it, and it stays in the processor's first cache. */
  private static final int PIECE_BYTES = 16 << 10;

  private final MessageDigest sha256 = Digest.sha256();
  private final byte[] piece = new byte[PIECE_BYTES];

  /** Forgets what was hashed. */
  public void reset() {
    sha256.reset();
  }

  /** Hashes what remains in a buffer. */
  public void update(ByteBuffer part) {
    while (part.hasRemaining()) {
      int bytes = Math.min(part.remaining(), piece.length);
      part.get(piece, 0, bytes);
      sha256.update(piece, 0, bytes);
    }
  }

  /** {@return the digest of what was hashed, which is forgotten} */
  public Digest finish() {
    return Digest.of(sha256);
  }

  /** {@return the digest of what was hashed and this after it, which is not hashed by that} */
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
