package io.gatun.snapshot.layer.codec;

import java.nio.ByteBuffer;
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
  private static final int FLAG_CHECKSUM = 2;
  private static final int FLAG_EXTRA = 4;
  private static final int FLAG_NAME = 8;
  private static final int FLAG_COMMENT = 16;

  private enum Part {
    FIXED,
    EXTRA_LENGTH,
    EXTRA,
    NAME,
    COMMENT,
    CHECKSUM,
    DONE;

    Part next() {
      return switch (this) {
        case FIXED -> EXTRA_LENGTH;
        case EXTRA_LENGTH -> EXTRA;
        case EXTRA -> NAME;
        case NAME -> COMMENT;
        case COMMENT -> CHECKSUM;
        case CHECKSUM, DONE -> DONE;
      };
    }
  }

  private final CRC32 checksum = new CRC32();
  private Part part = Part.FIXED;
  private int flags;

  /** How many bytes of the part were read. */
  private int count;

  private int extraBytes;

  void begin() {
    checksum.reset();
    flags = 0;
    extraBytes = 0;
    enter(Part.FIXED);
  }

  /**
   * Continues to read the header.
   *
   * @return whether the header is complete; nothing after it has been read
   */
  boolean read(ByteBuffer input) throws CorruptStreamException {
    passOverAbsent();
    while (part != Part.DONE && input.hasRemaining()) {
      int value = input.get() & 0xff;
      if (part != Part.CHECKSUM) {
        checksum.update(value);
      }
      if (accept(value)) {
        enter(part.next());
        passOverAbsent();
      }
    }
    return part == Part.DONE;
  }

  private boolean accept(int value) throws CorruptStreamException {
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

  private void require(int index, int value) throws CorruptStreamException {
    switch (index) {
      case 0 -> require(value == 0x1f, "not a gzip header");
      case 1 -> require(value == 0x8b, "not a gzip header");
      case 2 -> require(value == METHOD_DEFLATE, "unknown method");
      case 3 -> flags = value;
      default -> {}
    }
  }

  private static void require(boolean condition, String reason) throws CorruptStreamException {
    if (!condition) {
      throw new CorruptStreamException(reason);
    }
  }

  private void passOverAbsent() {
    while (isAbsent()) {
      enter(part.next());
    }
  }

  private boolean isAbsent() {
    return switch (part) {
      case FIXED, DONE -> false;
      case EXTRA_LENGTH -> (flags & FLAG_EXTRA) == 0;
      case EXTRA -> (flags & FLAG_EXTRA) == 0 || extraBytes == 0;
      case NAME -> (flags & FLAG_NAME) == 0;
      case COMMENT -> (flags & FLAG_COMMENT) == 0;
      case CHECKSUM -> (flags & FLAG_CHECKSUM) == 0;
    };
  }

  private void enter(Part next) {
    part = next;
    count = 0;
  }
}
