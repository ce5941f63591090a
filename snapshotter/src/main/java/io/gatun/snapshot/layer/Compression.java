package io.gatun.snapshot.layer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The compression of a blob, detected from its first bytes and not from its media type, like
 * containerd's {@code DetectCompression}.
 */
public enum Compression {
  /** No known magic number; also an empty blob. */
  NONE,
  /** RFC 1952, one or more members. */
  GZIP,
  /** RFC 8878, frames and skippable frames in any order. */
  ZSTD;

  /** How many bytes the detection needs, if the blob has as many. */
  public static final int HEAD_BYTES = 8;

  private static final int GZIP_MAGIC = 0x08_8b1f;
  private static final int GZIP_MAGIC_BYTES = 3;
  private static final int ZSTD_MAGIC = 0xfd2f_b528;
  private static final int ZSTD_SKIPPABLE_MAGIC = 0x184d_2a50;
  private static final int ZSTD_SKIPPABLE_MASK = 0xffff_fff0;

  /** {@return the compression of the content of a buffer, whose position does not change} */
  public static Compression of(ByteBuffer head) {
    int bytes = Math.min(head.remaining(), HEAD_BYTES);
    if (bytes < GZIP_MAGIC_BYTES) {
      return NONE;
    }
    ByteBuffer first = ByteBuffer.allocate(HEAD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    first.put(0, head, head.position(), bytes);
    int magic = first.getInt(0);
    if ((magic & 0xff_ffff) == GZIP_MAGIC) {
      return GZIP;
    }
    boolean isSkippable =
        bytes == HEAD_BYTES && (magic & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE_MAGIC;
    return magic == ZSTD_MAGIC || isSkippable ? ZSTD : NONE;
  }
}
