package io.gatun.server;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.LayerBlob;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.OptionalLong;

/** An in-memory blob. */
final class SyntheticBlob implements LayerBlob {

  private final ByteBuffer left;
  private final Digest digest;
  private final int sizeBytes;

  SyntheticBlob(byte[] bytes) {
    MessageDigest sha256 = Digest.sha256();
    sha256.update(bytes);
    this.digest = Digest.of(sha256);
    this.left = ByteBuffer.wrap(bytes);
    this.sizeBytes = bytes.length;
  }

  @Override
  public Digest digest() {
    return digest;
  }

  @Override
  public OptionalLong sizeBytes() {
    return OptionalLong.of(sizeBytes);
  }

  @Override
  public boolean isVerified() {
    return false;
  }

  @Override
  public int read(ByteBuffer into) {
    int length = Math.min(left.remaining(), into.remaining());
    into.put(left.slice(left.position(), length));
    left.position(left.position() + length);
    return length == 0 ? -1 : length;
  }

  @Override
  public void close() {}
}
