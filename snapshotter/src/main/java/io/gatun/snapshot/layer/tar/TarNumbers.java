package io.gatun.snapshot.layer.tar;

import io.gatun.linux.file.Timespec;
import java.util.Arrays;

/**
 * Parses the numbers of tars. A header field is octal in ASCII, surrounded by blanks and NULs; or,
 * if its first bit is set, binary: two's complement, big-endian, in the other bits (GNU's
 * "base-256"). Throws {@link NumberFormatException} for an invalid field, which {@link TarReader}
 * turns into the failure of the entry.
 */
final class TarNumbers {

  private static final int BINARY_MARK = 0x80;
  private static final int BINARY_SIGN = 0x40;
  private static final int NANO_DIGITS = 9;

  private TarNumbers() {}

  static long field(byte[] block, int offset, int length) {
    return (block[offset] & BINARY_MARK) != 0
        ? binary(block, offset, length)
        : octal(block, offset, length);
  }

  private static long binary(byte[] block, int offset, int length) {
    boolean isNegative = (block[offset] & BINARY_SIGN) != 0;
    int inversion = isNegative ? 0xff : 0;
    long value = 0;
    for (int i = 0; i < length; i++) {
      int bits = (block[offset + i] ^ inversion) & 0xff;
      if (i == 0) {
        bits &= ~BINARY_MARK;
      }
      if (value >>> 56 != 0) {
        throw new NumberFormatException("binary number too large");
      }
      value = value << 8 | bits;
    }
    if (value < 0) {
      throw new NumberFormatException("binary number too large");
    }
    return isNegative ? ~value : value;
  }

  static long octal(byte[] block, int offset, int length) {
    int start = offset;
    int end = offset + length;
    while (start < end && isFiller(block[start])) {
      start++;
    }
    while (end > start && isFiller(block[end - 1])) {
      end--;
    }
    long value = 0;
    // Anything after a NUL is left over from an earlier use of the writer's buffer.
    for (int i = start; i < end && block[i] != 0; i++) {
      int digit = block[i] - '0';
      if (digit < 0 || digit > 7 || value >>> 60 != 0) {
        throw new NumberFormatException("not an octal number");
      }
      value = value << 3 | digit;
    }
    return value;
  }

  private static boolean isFiller(byte value) {
    return value == ' ' || value == 0;
  }

  /** {@return a decimal number with an optional sign, as in PAX records} */
  static long decimal(byte[] text) {
    return decimal(text, 0, text.length);
  }

  static long decimal(byte[] text, int start, int end) {
    boolean isNegative = start < end && text[start] == '-';
    int at = start < end && (isNegative || text[start] == '+') ? start + 1 : start;
    if (at == end) {
      throw new NumberFormatException("no digits");
    }
    // Accumulates negatively, because there is one more negative number.
    long negated = 0;
    for (; at < end; at++) {
      int digit = digit(text[at]);
      if (negated < (Long.MIN_VALUE + digit) / 10) {
        throw new NumberFormatException("decimal number too large");
      }
      negated = negated * 10 - digit;
    }
    if (!isNegative && negated == Long.MIN_VALUE) {
      throw new NumberFormatException("decimal number too large");
    }
    return isNegative ? negated : -negated;
  }

  /** {@return seconds with a fraction, as in PAX records, truncated to 1 ns} */
  static Timespec time(byte[] text) {
    int point = indexOf(text, '.', 0);
    long seconds = decimal(text, 0, point);
    int nanos = 0;
    for (int i = 0; i < NANO_DIGITS; i++) {
      int at = point + 1 + i;
      nanos = nanos * 10 + (at < text.length ? digit(text[at]) : 0);
    }
    for (int at = point + 1 + NANO_DIGITS; at < text.length; at++) {
      digit(text[at]);
    }
    if (text[0] == '-' && nanos > 0) {
      if (seconds == Long.MIN_VALUE) {
        throw new NumberFormatException("time too early");
      }
      // The fraction counts away from zero: -1.25 is 0.75 after -2.
      return new Timespec(seconds - 1, 1_000_000_000 - nanos);
    }
    return new Timespec(seconds, nanos);
  }

  private static int digit(byte value) {
    if (value < '0' || value > '9') {
      throw new NumberFormatException("not a decimal number");
    }
    return value - '0';
  }

  /** {@return the index of the first occurrence of a byte, or the length if there is none} */
  static int indexOf(byte[] text, char wanted, int from) {
    for (int i = from; i < text.length; i++) {
      if (text[i] == wanted) {
        return i;
      }
    }
    return text.length;
  }

  /** {@return the bytes of a field up to the first NUL} */
  static byte[] string(byte[] block, int offset, int length) {
    int end = offset;
    while (end < offset + length && block[end] != 0) {
      end++;
    }
    return Arrays.copyOfRange(block, offset, end);
  }
}
