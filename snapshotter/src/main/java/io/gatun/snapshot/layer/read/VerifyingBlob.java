package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.BlobSource;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.codec.BufferHash;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A blob that fails where it turns out not to be what its descriptor says. */
final class VerifyingBlob implements BlobSource {

  private final LayerBlob blob;
  private final BufferHash hash;
  private final boolean isHashed;
  private final long expectedBytes;
  private long bytes;

  /**
   * @param hash to be used for the blob, if it has to be hashed
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
          "blob goes on after the %d bytes that its descriptor says".formatted(expectedBytes));
    }
    if (isHashed) {
      hash.update(into.slice(start, read));
    }
    return read;
  }

  private void checkWhole() throws InvalidLayerException {
    if (blob.sizeBytes().isPresent() && bytes != expectedBytes) {
      throw new InvalidLayerException(
          "blob ends after %d of the %d bytes that its descriptor says"
              .formatted(bytes, expectedBytes));
    }
    if (isHashed) {
      Digest actual = hash.finish();
      if (!actual.equals(blob.digest())) {
        throw new InvalidLayerException("blob is not what its name says, but " + actual);
      }
    }
  }
}
