package io.gatun.snapshot.filter;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Decodes quoted literals by the rules of Go's {@code strconv.Unquote}.
 *
 * <p>{@code \ooo} and {@code \xhh} denote bytes, {@code \}{@code uhhhh} and {@code \Uhhhhhhhh} code
 * points; the result need not be text.
 */
final class QuotedLiteral {

  /**
   * Replaces a literal that is not well-formed UTF-8. Like the original bytes, it equals no key,
   * name or label, because it contains an unpaired surrogate.
   */
  static final String NO_TEXT = "\uDC00";

  private QuotedLiteral() {}

  /**
   * {@return the content of a literal, or empty if an escape denotes an impossible byte or code
   * point}
   *
   * @param token the literal with its quotes, as the scanner accepts it: every escape is complete
   */
  static Optional<String> unquote(byte[] token) {
    ByteArrayOutputStream content = new ByteArrayOutputStream(token.length);
    int end = token.length - 1;
    int at = 1;
    while (at < end) {
      if (token[at] != '\\') {
        content.write(token[at++]);
        continue;
      }
      byte escape = token[at + 1];
      at += 2;
      switch (escape) {
        case 'a' -> content.write(0x07);
        case 'b' -> content.write('\b');
        case 'f' -> content.write('\f');
        case 'n' -> content.write('\n');
        case 'r' -> content.write('\r');
        case 't' -> content.write('\t');
        case 'v' -> content.write(0x0B);
        case 'x' -> {
          content.write(number(token, at, 2, 16));
          at += 2;
        }
        case 'u' -> {
          writeCodePoint(content, number(token, at, 4, 16));
          at += 4;
        }
        case 'U' -> {
          int codePoint = number(token, at, 8, 16);
          if (codePoint > Character.MAX_CODE_POINT) {
            return Optional.empty();
          }
          writeCodePoint(content, codePoint);
          at += 8;
        }
        case '0', '1', '2', '3', '4', '5', '6', '7' -> {
          int value = number(token, at - 1, 3, 8);
          if (value > 0xFF) {
            return Optional.empty();
          }
          content.write(value);
          at += 2;
        }
        default -> content.write(escape);
      }
    }
    return Optional.of(text(content.toByteArray()));
  }

  /** Excess digits are shifted out at the top, as in Go's 32-bit rune. */
  private static int number(byte[] token, int from, int digits, int base) {
    int value = 0;
    for (int i = from; i < from + digits; i++) {
      value = value * base + Character.digit(token[i], base);
    }
    return value;
  }

  private static void writeCodePoint(ByteArrayOutputStream content, int codePoint) {
    if (codePoint < 0x80) {
      // Go's runes are signed: beyond 0x7FFFFFFF they are less than any character and keep their
      // low byte.
      content.write(codePoint);
    } else if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
      content.writeBytes(utf8(TokenScanner.REPLACEMENT));
    } else {
      content.writeBytes(utf8(codePoint));
    }
  }

  private static byte[] utf8(int codePoint) {
    return Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] content) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
    } catch (CharacterCodingException e) {
      return NO_TEXT;
    }
  }
}
