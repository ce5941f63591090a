package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.zip.CRC32;

/**
 * The header of a gzip member, which arrives in pieces of any size and may be larger than memory:
 * RFC 1952, section 2.3.
 *
 * <pre>
 *   1f 8b | CM = 8 | FLG | MTIME (4) | XFL | OS
 *   FLG 4: length (2, little-endian), then that many bytes
 *   FLG 8: a name ending in NUL
 *   FLG 16: a comment ending in NUL
 *   FLG 2: the low half of the CRC-32 of the header (2)
 * </pre>
 */
final class GzipHeader {

  private static final int FIXED_BYTES = 10;
  private static final int METHOD_DEFLATE = 8;

  private enum Part {
    FIXED(0),
    EXTRA_LENGTH(4),
    EXTRA(4),
    NAME(8),
    COMMENT(16),
    CHECKSUM(2),
    DONE(0);

    /** The flags without which the part is absent. */
    private final int flags;

    Part(int flags) {
      this.flags = flags;
    }
  }

  private final CRC32 checksum = new CRC32();
  private Iterator<Part> rest = EnumSet.allOf(Part.class).iterator();
  private Part part = rest.next();
  private int flags;

  /** How many bytes of the part were read. */
  private int count;

  private int extraBytes;

  void begin() {
    checksum.reset();
    flags = 0;
    extraBytes = 0;
    rest = EnumSet.allOf(Part.class).iterator();
    advance();
  }

  /**
   * Continues to read the header.
   *
   * @return whether the header is complete; nothing after it has been read
   */
  boolean read(ByteBuffer input) throws Decompressor.CorruptStreamException {
    while (part != Part.DONE && input.hasRemaining()) {
      int value = input.get() & 0xff;
      if (part != Part.CHECKSUM) {
        checksum.update(value);
      }
      if (accept(value)) {
        advance();
      }
    }
    return part == Part.DONE;
  }

  /** {@return whether the part has ended} */
  private boolean accept(int value) throws Decompressor.CorruptStreamException {
    int index = count++;
    return switch (part) {
      case FIXED -> {
        require(index, value);
        yield count == FIXED_BYTES;
      }
      case EXTRA_LENGTH -> {
        extraBytes |= value << (8 * index);
        yield count == 2;
      }
      case EXTRA -> count == extraBytes;
      case NAME, COMMENT -> {
        count = 0;
        yield value == 0;
      }
      case CHECKSUM -> {
        require(value == (checksum.getValue() >>> (8 * index) & 0xff), "wrong header checksum");
        yield count == 2;
      }
      case DONE -> true;
    };
  }

  private void require(int index, int value) throws Decompressor.CorruptStreamException {
    switch (index) {
      case 0 -> require(value == 0x1f, "not a gzip header");
      case 1 -> require(value == 0x8b, "not a gzip header");
      case 2 -> require(value == METHOD_DEFLATE, "unknown method");
      case 3 -> flags = value;
      default -> {}
    }
  }

  private static void require(boolean condition, String reason)
      throws Decompressor.CorruptStreamException {
    if (!condition) {
      throw new Decompressor.CorruptStreamException(reason, null);
    }
  }

  /** Goes on to the next part that is present. */
  private void advance() {
    do {
      part = rest.next();
      count = 0;
    } while ((part.flags & ~flags) != 0 || (part == Part.EXTRA && extraBytes == 0));
  }
}
