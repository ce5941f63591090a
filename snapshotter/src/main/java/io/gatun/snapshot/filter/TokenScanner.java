package io.gatun.snapshot.filter;

/**
 * Splits a filter into tokens.
 *
 * <p>Works on the bytes of the filter, because containerd's errors count bytes. The order of the
 * cases of {@link #next} is part of the language: a value cannot begin with a separator, an
 * operator or a quote, but may contain them.
 */
final class TokenScanner {

  /** Returned by {@link #peek} at the end of the filter. */
  static final int END = -1;

  /** Returned by {@link #peek} for a NUL or a replacement character. */
  static final int ILLEGAL = -2;

  /** containerd treats this character as a decoding error. */
  static final int REPLACEMENT = 0xFFFD;

  private final byte[] input;

  /** The range of the last character read. */
  private int start;

  private int end;

  /** Whether the last token was an operator, which makes a value due. */
  private boolean valueDue;

  private boolean escapesLegal = true;

  private String complaint = "";

  /**
   * @param input well-formed UTF-8
   */
  TokenScanner(byte[] input) {
    this.input = input;
  }

  /** {@return the next character without consuming it, or {@link #END} or {@link #ILLEGAL}} */
  int peek() {
    int savedStart = start;
    int savedEnd = end;
    int character = read();
    start = savedStart;
    end = savedEnd;
    return character;
  }

  /** {@return the offset of the character that {@link #peek} returns} */
  int position() {
    return end;
  }

  /** {@return the first problem with the characters read so far, or an empty string} */
  String complaint() {
    return complaint;
  }

  Token next() {
    int character = read();
    while (isSpace(character)) {
      character = read();
    }
    int first = start;
    if (character == END) {
      return new Token(Token.Kind.END, first, first);
    }
    if (character == ILLEGAL) {
      return new Token(Token.Kind.ILLEGAL, first, end);
    }
    if (isQuote(character)) {
      boolean wellFormed = skipQuoted(character);
      return new Token(wellFormed ? Token.Kind.QUOTED : Token.Kind.ILLEGAL, first, end);
    }
    if (isSeparator(character)) {
      valueDue = false;
      return new Token(Token.Kind.SEPARATOR, first, end);
    }
    if (isOperator(character)) {
      while (isOperator(peek())) {
        read();
      }
      valueDue = true;
      return new Token(Token.Kind.OPERATOR, first, end);
    }
    if (valueDue) {
      // The first character of a value may be anything, even a control character.
      while (isValue(peek())) {
        read();
      }
      valueDue = false;
      return new Token(Token.Kind.VALUE, first, end);
    }
    if (isField(character)) {
      while (isField(peek())) {
        read();
      }
      return new Token(Token.Kind.FIELD, first, end);
    }
    return new Token(Token.Kind.STRAY, first, end);
  }

  /**
   * Reads to the closing quote.
   *
   * @return whether all escapes are well-formed
   */
  private boolean skipQuoted(int quote) {
    escapesLegal = true;
    int character = read();
    while (character != quote) {
      if (character == '\n' || character < 0) {
        complain("quoted literal not terminated");
        return false;
      }
      character = character == '\\' ? skipEscape(quote) : read();
    }
    return escapesLegal;
  }

  /**
   * {@return the character after an escape, or the one that breaks it, which is then read as itself
   * and may close the quote}
   */
  private int skipEscape(int quote) {
    int escape = read();
    return switch (escape) {
      case 'a', 'b', 'f', 'n', 'r', 't', 'v', '\\' -> read();
      case '0', '1', '2', '3', '4', '5', '6', '7' -> skipDigits(escape, 8, 3);
      case 'x' -> skipDigits(read(), 16, 2);
      case 'u' -> skipDigits(read(), 16, 4);
      case 'U' -> skipDigits(read(), 16, 8);
      default -> {
        if (escape == quote) {
          yield read();
        }
        escapesLegal = false;
        complain("illegal escape sequence");
        yield escape;
      }
    };
  }

  private int skipDigits(int first, int base, int count) {
    int character = first;
    int missing = count;
    while (missing > 0 && character < 0x80 && Character.digit(character, base) >= 0) {
      character = read();
      missing--;
    }
    if (missing > 0) {
      escapesLegal = false;
      complain("illegal numeric escape sequence");
    }
    return character;
  }

  private int read() {
    start = end;
    if (end == input.length) {
      return END;
    }
    int lead = input[end] & 0xFF;
    int width = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    int character = width == 1 ? lead : lead & (0x7F >> width);
    for (int i = 1; i < width; i++) {
      character = character << 6 | (input[end + i] & 0x3F);
    }
    end += width;
    if (character == REPLACEMENT) {
      complain("rune error");
      return ILLEGAL;
    }
    if (character == 0) {
      complain("unexpected null");
      return ILLEGAL;
    }
    return character;
  }

  private void complain(String message) {
    if (complaint.isEmpty()) {
      complaint = message;
    }
  }

  private static boolean isField(int character) {
    return character == '_'
        || (character >= 'A' && character <= 'Z')
        || (character >= 'a' && character <= 'z')
        || (character >= '0' && character <= '9');
  }

  private static boolean isOperator(int character) {
    return character == '=' || character == '!' || character == '~';
  }

  private static boolean isQuote(int character) {
    return character == '"' || character == '/' || character == '|';
  }

  private static boolean isSeparator(int character) {
    return character == ',' || character == '.';
  }

  /** Unicode's White_Space, like Go's {@code unicode.IsSpace}. */
  private static boolean isSpace(int character) {
    return (character >= '\t' && character <= '\r')
        || character == 0x85
        || (character >= 0 && Character.isSpaceChar(character));
  }

  /**
   * Go's {@code unicode.IsGraphic} without the terminators of a value, in the JDK's version of
   * Unicode.
   */
  private static boolean isValue(int character) {
    if (character < 0 || character == ',' || isSpace(character)) {
      return false;
    }
    return switch (Character.getType(character)) {
      case Character.UNASSIGNED,
          Character.CONTROL,
          Character.FORMAT,
          Character.PRIVATE_USE,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
