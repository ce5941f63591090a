package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.BlobSource;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A blob whose reads fail when its content differs from the descriptor. */
final class VerifyingBlob implements BlobSource {

  private final LayerBlob blob;
  private final BufferHash hash;
  private final boolean isHashed;
  private final long expectedBytes;
  private long bytes;

  /**
   * @param hash used if the blob has to be hashed
   */
  VerifyingBlob(LayerBlob blob, BufferHash hash) {
    this.blob = blob;
    this.hash = hash;
    this.isHashed = !blob.isVerified();
    this.expectedBytes = blob.sizeBytes().orElse(Long.MAX_VALUE);
    hash.reset();
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    int start = into.position();
    int read = blob.read(into);
    if (read < 0) {
      checkWhole();
      return read;
    }
    bytes += read;
    if (bytes > expectedBytes) {
      throw new InvalidLayerException(
          "blob continues after the %d bytes of its descriptor".formatted(expectedBytes));
    }
    if (isHashed) {
      hash.update(into.slice(start, read));
    }
    return read;
  }

  private void checkWhole() throws InvalidLayerException {
    if (blob.sizeBytes().isPresent() && bytes != expectedBytes) {
      throw new InvalidLayerException(
          "blob ends after %d of the %d bytes of its descriptor".formatted(bytes, expectedBytes));
    }
    if (isHashed) {
      Digest actual = hash.finish();
      if (!actual.equals(blob.digest())) {
        throw new InvalidLayerException("blob has the wrong digest " + actual);
      }
    }
  }
}
