package io.gatun.snapshot.apply.store;

import io.gatun.snapshot.apply.BufferHash;
import io.gatun.snapshot.apply.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.IntConsumer;

/** Tells whether the disk has what the name of a file says: the diff id of a tar, or an index. */
public final class ContentHash {

  private ContentHash() {}

  /**
   * {@return whether a file is what it should be, all of which is read}
   *
   * @param isTar whether zeros may follow up to a whole block
   * @param progress is told how many bytes have been read, each time
   */
  public static boolean isRight(
      DiskContent content, Digest digest, boolean isTar, IntConsumer progress) throws IOException {
    BufferHash hash = new BufferHash();
    // The end by itself, as it may have zeros that are not the layer's.
    long end = content.sizeBytes();
    long lastBlock = isTar ? Math.max(0, end - TarFile.BLOCK_BYTES) : end;
    byte[] last = new byte[(int) (end - lastBlock)];
    long at = 0;
    for (ByteBuffer piece = content.next(); piece.hasRemaining(); piece = content.next()) {
      int start = piece.position();
      int length = piece.remaining();
      int before = Math.clamp(lastBlock - at, 0, length);
      hash.update(piece.slice(start, before));
      if (before < length) {
        piece.get(start + before, last, (int) (at + before - lastBlock), length - before);
      }
      at += length;
      progress.accept(length);
    }
    return at == end && isEnd(hash, last, digest);
  }

  /** {@return whether this is the end, be it without some or all of the zeros that it has} */
  private static boolean isEnd(BufferHash before, byte[] last, Digest digest) {
    int length = last.length;
    while (true) {
      if (before.with(last, length).equals(digest)) {
        return true;
      }
      if (length <= 1 || last[length - 1] != 0) {
        return false;
      }
      length--;
    }
  }
}
